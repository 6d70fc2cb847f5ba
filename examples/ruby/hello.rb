# frozen_string_literal: true

# One orchestration with one activity.
#
#     PERDURE_LIBRARY=.build/release/libdx.so ruby examples/ruby/hello.rb sqlite:hello.sqlite Ada
require_relative 'perdure'

store = Perdure::Store.new(ARGV[0] || 'memory:')
runtime = Perdure::Runtime.new(store, 'activitySlots' => 2)
runtime.activity('greet') { |_attempt, name| "Hello, #{name}!" }
runtime.orchestration('hello') { |ctx, name| ctx.activity('greet', name).await }
runtime.start

client = Perdure::Client.new(store)
puts client.result(client.start('hello', ARGV[1] || 'World'))
runtime.stop
client.close
store.close
