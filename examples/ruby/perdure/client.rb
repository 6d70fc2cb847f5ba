# frozen_string_literal: true

require_relative 'failures'
require_relative 'library'

module Perdure
  # Where instances live: "memory:" or "sqlite:PATH".
  class Store
    attr_reader :handle

    def initialize(url)
      # dx_store_options: the size of the struct, the URL, the config.
      bytes = Fiddle::Pointer[url]
      options = [40, bytes.to_i, url.bytesize, 0, 0].pack('Q5')
      @handle = Library.handle(:dx_store_open, Fiddle::Pointer[options])
    end

    def close = Library.free(:dx_store_close, @handle)
  end

  # Starts instances and looks at them.
  class Client
    ENDS = %w[Completed Failed Cancelled Terminated].freeze

    def initialize(store)
      @handle = Library.handle(:dx_client_new, store.handle)
    end

    # `options`: the other members of a start request. Returns the id.
    def start(orchestration, input = nil, options = {})
      ask(:dx_client_start, { 'orchestration' => orchestration, 'input' => input, **options })['instance']
    end

    def raise_event(instance, name, data = nil)
      ask(:dx_client_send, { 'instance' => instance, 'channel' => 'event', 'name' => name, 'data' => data })
    end

    def cancel(instance, reason = '')
      ask(:dx_client_control, { 'instance' => instance, 'operation' => 'cancel', 'reason' => reason })
    end

    def describe(instance) = JSON.parse(Library.text(:dx_client_describe, @handle, instance))

    # Waits for the end of an instance, by looking again and again: a call from a thread of the engine
    # (dx_client_wait) would end the interpreter. Returns its output; raises WorkFailed.
    def result(instance, timeout: 30)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
      until ENDS.include?((found = describe(instance))['status'])
        if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
          raise Refused.new(Refused::TIMED_OUT, "Instance '#{instance}' has not ended within #{timeout} s.")
        end

        sleep 0.01
      end
      return found['output'] if found['status'] == 'Completed'

      ended = { 'type' => "perdure.#{found['status']}", 'message' => "the instance '#{instance}' was ended" }
      raise WorkFailed, found['failure'] || ended
    end

    def close = Library.free(:dx_client_free, @handle)

    private

    def ask(function, request) = JSON.parse(Library.text(function, @handle, JSON.generate(request)))
  end
end
