# frozen_string_literal: true

require_relative 'chance'
require_relative 'execution'

module Perdure
  # The limits of a store that was opened without others, in bytes.
  module Limits
    NAME = 256
    INSTANCE = 512
    PAYLOAD = 2 << 20
    STATUS = 256 << 10
    VALUE = 256 << 10
    KEYS = 1_000

    def self.name(text, what, most = NAME)
      unless text.is_a?(String) && (1..most).cover?(text.bytesize)
        raise LimitExceeded, "#{what} must have 1 to #{most} bytes."
      end

      text
    end

    def self.value(value, what, most = PAYLOAD)
      size = JSON.generate(value).bytesize
      raise LimitExceeded, "#{what} has #{size} bytes; the limit is #{most}." if size > most

      value
    end
  end

  # A call that a client waits for. Exactly one `answer` or `reject`.
  Call = Struct.new(:execution, :id, :input) do
    def answer(result)
      execution.emit('AnswerCall', 'call' => id, 'result' => Limits.value(result, 'The answer'))
    end

    def reject(failure) = execution.emit('AnswerCall', 'call' => id, 'failure' => failure)
  end

  # What an orchestration can do. Whatever returns a handle has begun: `await` it, or `cancel` it.
  class Context
    def initialize(execution)
      @execution = execution
      @chance = Chance.new(execution.request['instance'], execution.request['execution'])
    end

    def instance = @execution.request['instance']

    def execution = @execution.request['execution']

    def traceparent = @execution.request['traceparent']

    def tracestate = @execution.request['tracestate']

    # Milliseconds since 1970: the time of the event that the code sees.
    def now = @execution.now

    def guid = @chance.guid

    def random = @chance.number

    def should_continue_as_new? = @execution.is_late

    # ---- Work --------------------------------------------------------------------------------------------

    # `options` are those of docs/wire-format.md, "activity-options".
    def activity(name, input = nil, options = nil)
      Limits.name(name, 'The name of the activity')
      members = { 'name' => name, 'input' => Limits.value(input, 'The input') }
      members['options'] = options if options
      @execution.schedule('ScheduleActivity', members)
    end

    # `others`: instance, version, closePolicy.
    def sub_orchestration(name, input = nil, others = {})
      Limits.name(name, 'The name of the orchestration')
      members = { 'name' => name, **others, 'input' => Limits.value(input, 'The input') }
      @execution.schedule('ScheduleSubOrchestration', members)
    end

    def timer(milliseconds) = @execution.schedule('CreateTimer', 'fireAt' => now + milliseconds.ceil)

    def sleep(milliseconds) = timer(milliseconds).await

    # Awaits all at once: their values, in the order of the list. The first failure is raised.
    def all(handles)
      until handles.all?(&:done?) || handles.any?(&:error)
        # All of them, so that a cancellation gives each of them up.
        @execution.fibers.wait_for(handles.reject(&:done?))
      end
      handles.select(&:error).each(&:await)
      handles.map(&:await)
    end

    # The first handle to be done; the others are cancelled.
    def race(*handles)
      @execution.fibers.wait_for(handles) until (winner = handles.find(&:done?))
      (handles - [winner]).each(&:cancel)
      winner
    end

    # ---- Messages ----------------------------------------------------------------------------------------

    def wait_for_event(name) = @execution.receive('WaitForEvent', Limits.name(name, 'The event'))

    def dequeue(name) = @execution.receive('Dequeue', Limits.name(name, 'The queue'))

    def wait_for_topic(topic) = @execution.receive('WaitForTopic', Limits.name(topic, 'The topic'))

    def subscribe(topic) = @execution.emit('SubscribeTopic', 'topic' => topic)

    def unsubscribe(topic) = @execution.emit('UnsubscribeTopic', 'topic' => topic)

    def publish(topic, data)
      @execution.emit('Publish', 'topic' => topic, 'data' => Limits.value(data, 'The data'))
    end

    def raise_event(instance, name, data = nil, keep: false)
      send_to('RaiseEvent', instance, name, data, keep)
    end

    def enqueue(instance, name, data = nil, keep: false) = send_to('Enqueue', instance, name, data, keep)

    def cancel_instance(instance, reason = '')
      @execution.schedule('CancelInstance', 'instance' => instance, 'reason' => reason)
    end

    # The answer is {"value": ...}, or {} if there is no such key.
    def read_kv(instance, key) = @execution.schedule('ReadKV', 'instance' => instance, 'key' => key)

    # Answers calls of a name, one after the other. `check` refuses one by raising.
    def on_call(name, check: nil, &handler)
      waiting = @execution.receive('WaitForCall', Limits.name(name, 'The name of the call'))
      @execution.fibers.begin(spared: true) do
        loop do
          event = waiting.await
          serve(Call.new(@execution, event['call'], event['data']), check, handler)
          waiting = @execution.receive('WaitForCall', name)
        end
      end
    end

    def on_query(name, &handler)
      @execution.queries[name] = handler
    end

    # ---- State -------------------------------------------------------------------------------------------

    def kv_get(key, missing = nil) = @execution.kv.fetch(key) { [missing] }.first

    def kv_keys = @execution.kv.keys.sort_by(&:b)

    def kv_set(key, value)
      Limits.value(value, "The value of key '#{key}'", Limits::VALUE)
      is_new = !@execution.kv.key?(key)
      raise LimitExceeded, 'There are too many keys.' if is_new && @execution.kv.size >= Limits::KEYS

      @execution.emit('SetKV', 'key' => Limits.name(key, 'The key'), 'value' => value)
      @execution.kv[key] = [value, now]
    end

    def kv_clear(key)
      @execution.emit('ClearKV', 'key' => key)
      @execution.kv.delete(key)
    end

    # Removes the keys that were set before a time; how many.
    def kv_prune_before(time)
      kv_keys.select { |key| @execution.kv[key].last < time }.each { |key| kv_clear(key) }.size
    end

    def custom_status=(value)
      Limits.value(value, 'The custom status', Limits::STATUS)
      @execution.emit('SetCustomStatus', value.nil? ? {} : { 'status' => value })
    end

    def patched(id) = @execution.patched(id)

    def deprecate_patch(id) = @execution.deprecate_patch(id)

    def continue_as_new(input = nil) = raise(ContinueAsNew.new(Limits.value(input, 'The input')))

    def log(message, level = 'info')
      return if @execution.replaying?

      @execution.logs << { 'level' => level, 'message' => Failures.text(message) }
    end

    private

    def send_to(kind, instance, name, data, keep)
      Limits.name(name, 'The name')
      members = { 'instance' => instance, 'name' => name, 'data' => Limits.value(data, 'The data') }
      members['keep'] = true if keep
      @execution.schedule(kind, members)
    end

    def serve(call, check, handler)
      begin
        check&.call(call.input)
      rescue StandardError => e
        return call.reject(Failures.of(e).merge('type' => 'perdure.CallRejected'))
      end
      call.answer(handler.call(call.input))
    rescue StandardError => e
      call.reject(Failures.of(e))
    end
  end
end
