# frozen_string_literal: true

require_relative 'perdure/host'

# The sample orchestrations of docs/wire-format.md, which the turn vectors run in every language.
module Samples
  ALL = {
    'sequence' => ->(ctx, input) { ctx.activity('B', ctx.activity('A', input).await).await },
    'fan-out' => ->(ctx, _) { ctx.all((0..2).map { |item| ctx.activity('work', item) }) },
    'race' => lambda do |ctx, _|
      event = ctx.wait_for_event('go')
      winner = ctx.race(event, ctx.timer(1000))
      winner == event ? { 'winner' => 'event', 'data' => event.await } : { 'winner' => 'timer' }
    end,
    'timer' => lambda do |ctx, _|
      ctx.sleep(500)
      'done'
    end,
    'early-event' => lambda do |ctx, _|
      ctx.sleep(1000)
      ctx.wait_for_event('go').await
    end,
    'queue' => ->(ctx, _) { [ctx.dequeue('q').await, ctx.dequeue('q').await] },
    'child' => lambda do |ctx, _|
      ctx.sub_orchestration('kid', { 'n' => 1 }).await
    rescue Perdure::WorkFailed => e
      { 'failed' => e.type }
    end,
    'retry' => lambda do |ctx, input|
      attempt = 0
      begin
        ctx.activity('flaky', input).await
      rescue Perdure::WorkFailed
        (attempt += 1) < 3 ? retry : raise
      end
    end,
    'continue-as-new' => ->(ctx, n) { n < 3 ? ctx.continue_as_new(n + 1) : n },
    'cancel-cleanup' => lambda do |ctx, input|
      ctx.activity('step', input).await
      ctx.wait_for_event('never').await
      nil
    rescue Perdure::Cancelled
      ctx.activity('undo').await
      raise
    end,
    'retry-policy' => lambda do |ctx, input|
      retrying = {
        'maxAttempts' => 5, 'backoff' => 'linear', 'initialIntervalMS' => 200, 'coefficientPercent' => 150,
        'maxIntervalMS' => 5_000, 'jitterPercent' => 10, 'nonRetryableTypes' => ['Declined']
      }
      options = {
        'retry' => retrying, 'scheduleToStartMS' => 60_000, 'startToCloseMS' => 10_000,
        'scheduleToCloseMS' => 120_000, 'heartbeatMS' => 2_500, 'tag' => 'gpu', 'session' => 's-1',
        'priority' => 5
      }
      ctx.activity('flaky', input, options).await
    end,
    'kv' => lambda do |ctx, input|
      ctx.kv_set('n', ctx.kv_get('n', 0) + 1)
      ctx.kv_set('tmp', input)
      ctx.kv_clear('tmp')
      ctx.sleep(1000)
      ctx.kv_set('late', true)
      pruned = ctx.kv_prune_before(ctx.now - 500)
      { 'pruned' => pruned, 'keys' => ctx.kv_keys, 'other' => ctx.read_kv('other', 'n').await['value'] }
    end,
    'topic' => lambda do |ctx, _|
      ctx.subscribe('news')
      news = ctx.wait_for_topic('news').await
      ctx.publish('echo', news)
      ctx.unsubscribe('news')
      news
    end,
    'calls' => lambda do |ctx, _|
      total = 0
      check = ->(n) { raise ArgumentError, 'not a number' unless n.is_a?(Numeric) }
      ctx.on_call('add', check: check) { |n| total += n }
      ctx.on_call('work') { |input| ctx.activity('work', input).await }
      ctx.on_query('total') { total }
      ctx.wait_for_event('stop').await
      total
    end,
    'requests' => lambda do |ctx, input|
      ctx.raise_event('a', 'go', input, keep: true).await
      ctx.enqueue('b', 'q', 1).await
      ctx.cancel_instance('c', 'enough').await
      'sent'
    rescue Perdure::WorkFailed => e
      { 'refused' => e.type }
    end,
    'patch' => lambda do |ctx, input|
      ctx.deprecate_patch('p0')
      result = ctx.activity(ctx.patched('p1') ? 'new' : 'old', input).await
      ctx.patched('p1') ? ctx.activity('more', result).await : result
    end,
    'late' => lambda do |ctx, count|
      until ctx.dequeue('q').await == 'stop'
        count += 1
        ctx.continue_as_new(count) if ctx.should_continue_as_new?
      end
      count
    end,
    'trace' => lambda do |ctx, _|
      [ctx.traceparent, ctx.activity('call', [ctx.traceparent, ctx.tracestate]).await]
    end,
    'limit' => lambda do |ctx, _|
      text = 'x' * 262_144
      [-> { ctx.activity('') }, -> { ctx.custom_status = text }, -> { ctx.kv_set('k', text) }].map do |breach|
        breach.call
      rescue Perdure::LimitExceeded => e
        Perdure::Failures.of(e)['type']
      end
    end
  }.freeze
end
