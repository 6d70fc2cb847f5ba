# frozen_string_literal: true

# An order that survives: its process kills itself in the middle of the first run, and the second goes on.
#
#     ruby examples/ruby/order.rb sqlite:order.sqlite; ruby examples/ruby/order.rb sqlite:order.sqlite
require_relative 'perdure'

store = Perdure::Store.new(ARGV.fetch(0))
client = Perdure::Client.new(store)
# Without a cache every turn replays, which finds code that is not deterministic.
runtime = Perdure::Runtime.new(store, 'activitySlots' => 4, 'cache' => ARGV[1] == 'replay' ? 'off' : 'on')

runtime.activity('charge') do |attempt, amount|
  raise IOError, 'the bank does not answer' if attempt.number == 1

  "#{amount} charged, key #{attempt.key}"
end

killed = "#{ARGV[0].delete_prefix('sqlite:')}.killed"
runtime.activity('pack') do |_attempt, item|
  # Nobody has heard of a result yet: the next process packs again.
  unless File.exist?(killed)
    File.write(killed, '')
    Process.kill('KILL', Process.pid)
  end
  "packed #{item}"
end

runtime.orchestration('parcels') do |ctx, items|
  parcels = ctx.all(items.map { |item| ctx.activity('pack', item) })
  ctx.sleep(20)
  parcels
end

runtime.orchestration('order') do |ctx, order|
  retrying = { 'retry' => { 'maxAttempts' => 3, 'initialIntervalMS' => 10 } }
  receipt = ctx.activity('charge', order['amount'], retrying).await
  ctx.custom_status = 'charged'
  approved = ctx.wait_for_event('approved')
  won = ctx.race(approved, ctx.timer(60_000))
  next 'nobody approved' unless won == approved

  parcels = ctx.sub_orchestration('parcels', order['items']).await
  { 'receipt' => receipt, 'by' => approved.await, 'parcels' => parcels }
end

runtime.start
input = { 'amount' => 30, 'items' => %w[lamp book] }
client.start('order', input, 'instance' => 'o', 'policy' => 'useExisting')
client.raise_event('o', 'approved', 'Grace')
puts JSON.generate(client.result('o'))
runtime.stop
client.close
store.close
