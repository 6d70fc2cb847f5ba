# frozen_string_literal: true

require_relative 'host'
require_relative 'library'

module Perdure
  # One attempt of an activity.
  Attempt = Struct.new(:task) do
    def number = task['attempt']

    def key = task['key']

    def instance = task['instance']
  end

  # Runs orchestrations and activities: one thread takes turns from dx_runtime_poll, some take activities.
  class Runtime
    TURNS = 32
    POLL_MS = 60_000

    # `config`: the runtime options of docs/wire-format.md.
    def initialize(store, config = {})
      @config = JSON.generate(config)
      options = [24, Fiddle::Pointer[@config].to_i, @config.bytesize].pack('Q3')
      @handle = Library.handle(:dx_runtime_new, store.handle, Fiddle::Pointer[options])
      @slots = config['activitySlots'] || 16
      @codes = {}
      @activities = {}
      @threads = []
    end

    # The block gets a Context and the input. It must do the same each time.
    def orchestration(name, version: '1.0.0', &code)
      Library.call(:dx_register_orchestration, @handle, name, version, nil, nil, nil)
      @codes[[name, version]] = code
    end

    # The block gets an Attempt and the input, and may do anything.
    def activity(name, &code)
      Library.call(:dx_register_activity, @handle, name, nil, nil, nil)
      @activities[name] = code
    end

    def start
      Library.call(:dx_runtime_start, @handle)
      # The host and its fibers live on the thread that takes the turns.
      begin_thread { take(TURNS, 0, 'turns', 'answer', Host.new(@codes).method(:run)) } unless @codes.empty?
      slots = @activities.empty? ? 0 : @slots
      slots.times { begin_thread { take(0, 1, 'activities', 'result', method(:attempt)) } }
      self
    end

    # Waits until the runtime is stopped, from another thread or by a signal.
    def join = @threads.each(&:join)

    def stop(grace_ms: 5_000)
      Library.call(:dx_runtime_stop, @handle, grace_ms, nil, nil)
      join
      Library.free(:dx_runtime_free, @handle)
    end

    private

    def begin_thread(&work)
      @threads << Thread.new(&work)
    end

    # Takes work, does it, and hands the answers in with the next call, until the runtime has stopped.
    def take(turns, activities, kind, answer, work)
      answers = []
      loop do
        handed = answers.empty? ? '' : JSON.generate('v' => 1, kind => answers)
        found = JSON.parse(Library.text(:dx_runtime_poll, @handle, handed, turns, activities, POLL_MS))
        refused(found['refused'])
        return if found['stopped']

        answers = found[kind].map { |each| answered(each, answer, work) }
      end
    end

    def answered(each, answer, work)
      { 'token' => each['token'], answer => work.call(each['request'] || each['task']) }
    rescue StandardError, NotImplementedError => e
      { 'token' => each['token'], 'failure' => Failures.of(e) }
    end

    def attempt(task)
      result = @activities.fetch(task['name']).call(Attempt.new(task), task['input'])
      JSON.generate(result)
      result
    end

    def refused(refusals)
      refusals.each do |each|
        warn "perdure: #{each['message']}" unless each['code'] == Refused::STALE
      end
    end
  end
end
