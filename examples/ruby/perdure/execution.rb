# frozen_string_literal: true

require_relative 'failures'
require_relative 'fibers'

module Perdure
  # An action that waits for its answer.
  class Handle < Future
    attr_reader :action

    def initialize(fibers, execution, action)
      super(fibers)
      @execution = execution
      @action = action
    end

    # Gives the work up.
    def cancel
      return if done?

      @execution.give_up(self)
      complete(nil, Cancelled.new('the work was given up'))
    end
  end

  # One live execution: the fibers of its code, and what docs/wire-format.md has a host keep beside them.
  class Execution
    # How events of messages and the actions that wait for them belong together.
    CHANNELS = {
      'EventRaised' => 'WaitForEvent', 'QueueMessageReceived' => 'Dequeue',
      'TopicMessageReceived' => 'WaitForTopic', 'CallReceived' => 'WaitForCall'
    }.freeze
    ANSWERS = %w[ActivityCompleted TimerFired SubOrchestrationCompleted RequestCompleted].freeze
    FAILURES = %w[ActivityFailed SubOrchestrationFailed RequestFailed].freeze

    attr_reader :request, :now, :consumed, :fibers, :kv, :queries, :logs, :is_late

    def initialize(request, code)
      @request = request
      @code = code
      @fibers = Fibers.new
      @count = 0
      @actions = []
      @logs = []
      @open = {}
      @kept = Hash.new { |hash, key| hash[key] = [] }
      @waiting = Hash.new { |hash, key| hash[key] = [] }
      @kv = (request['kv'] || []).to_h { |each| [each['key'], [each['value'], each['at']]] }
      @recorded = request['patches'] || []
      @decided = {}
      @queries = {}
      @consumed = 0
      @is_cancelled = @is_late = false
    end

    def ended? = !@end.nil?

    # Delivers the events of a request, one after the other, and answers it.
    def run(request)
      @request = request
      @actions = []
      @logs = []
      request['events'].each do |event|
        break if ended?

        @after = @consumed = event['id']
        @now = event['at']
        @is_late ||= event['late'] == true
        deliver(event)
        @fibers.run { ended? }
      end
      answer = { 'v' => 1, 'actions' => @actions, 'logs' => @logs, 'retained' => !ended? }
      answer['end'] = @end if ended?
      answer
    end

    # The event that is delivered was seen by an earlier turn.
    def replaying? = @consumed <= @request['replayed']

    # ---- Actions -----------------------------------------------------------------------------------------

    # Lists an action that leaves nothing open. Returns its number.
    def emit(kind, members = {})
      @count += 1
      @actions << { 'id' => @count, 'after' => @after, 'kind' => kind, **members }
      @count
    end

    # Lists an action that is answered later.
    def schedule(kind, members)
      action = emit(kind, members)
      @open[action] = Handle.new(@fibers, self, action)
    end

    # Waits for a message of a name, or takes the oldest that was kept.
    def receive(kind, name)
      handle = schedule(kind, 'name' => name)
      kept = @kept[[kind, name]].shift
      if kept
        @open.delete(handle.action)
        handle.complete(kept)
      else
        @waiting[[kind, name]] << handle
      end
      handle
    end

    def give_up(handle)
      return unless @open.delete(handle.action)

      @waiting.each_value { |handles| handles.delete(handle) }
      emit('Cancel', 'target' => handle.action)
    end

    def patched(id)
      @decided.fetch(id) do
        is_new = @recorded.include?(id) || !replaying?
        emit('RecordPatch', 'patch' => id) if is_new
        @decided[id] = is_new
      end
    end

    def deprecate_patch(id)
      return if @decided.key?(id)

      emit('RecordPatch', 'patch' => id) if @recorded.include?(id)
      @decided[id] = true
    end

    private

    # ---- Events ------------------------------------------------------------------------------------------

    def deliver(event)
      kind = event['kind']
      if kind == 'OrchestrationStarted'
        @fibers.begin { main(event['input']) }
      elsif kind == 'CancellationRequested'
        cancel(event['reason'])
      elsif CHANNELS.key?(kind)
        message(CHANNELS[kind], event)
      elsif ANSWERS.include?(kind)
        @open.delete(event['action'])&.complete(event['result'])
      elsif FAILURES.include?(kind)
        @open.delete(event['action'])&.complete(nil, WorkFailed.new(event['failure']))
      end
    end

    def message(kind, event)
      data = kind == 'WaitForCall' ? event : event['data']
      handle = @waiting[[kind, event['name']]].shift
      return @kept[[kind, event['name']]] << data unless handle

      @open.delete(handle.action)
      handle.complete(data)
    end

    def cancel(reason)
      return if @is_cancelled

      @is_cancelled = true
      given_up = @fibers.interrupt(Cancelled.new(reason)).grep(Handle)
      given_up.sort_by(&:action).each { |handle| give_up(handle) }
    end

    # ---- The end -----------------------------------------------------------------------------------------

    def main(input)
      output = @code.call(Context.new(self), input)
      JSON.generate(output)
      finish('Completed', 'output' => output)
    rescue ContinueAsNew => e
      finish('ContinuedAsNew', 'input' => e.input)
    rescue Cancelled => e
      @is_cancelled ? finish('Cancelled') : finish('Failed', 'failure' => Failures.of(e))
    rescue StandardError, NotImplementedError => e
      finish('Failed', 'failure' => Failures.of(e))
    end

    def finish(kind, members = {})
      @end = { 'after' => @after, 'kind' => kind, **members }
    end
  end
end
