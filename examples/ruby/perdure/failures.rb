# frozen_string_literal: true

module Perdure
  # Work that was awaited has failed. `failure` is the object of docs/wire-format.md.
  class WorkFailed < StandardError
    attr_reader :failure

    def initialize(failure)
      super("#{failure['type']}: #{failure['message']}")
      @failure = failure
    end

    def type = failure['type']
  end

  # Something is over a limit; nothing was recorded.
  class LimitExceeded < StandardError; end

  # Somebody asked the instance to end.
  class Cancelled < StandardError; end

  # Ends an execution; the next one begins with `input`. Not a StandardError, so that `rescue` lets it pass.
  class ContinueAsNew < Exception # rubocop:disable Lint/InheritException
    attr_reader :input

    def initialize(input)
      super('continue as new')
      @input = input
    end
  end

  # Errors as failures.
  module Failures
    CAUSES = 16

    def self.of(error, depth = 0)
      return error.failure if error.is_a?(WorkFailed)

      type = error.is_a?(LimitExceeded) ? 'perdure.LimitExceeded' : error.class.name.to_s
      failure = { 'type' => type, 'message' => text(error.message) }
      failure['stack'] = text(error.backtrace.first(30).join("\n")) if error.backtrace
      failure['nonRetryable'] = true if error.is_a?(LimitExceeded)
      failure['cause'] = of(error.cause, depth + 1) if error.cause && depth < CAUSES
      failure
    end

    # What may be stored: UTF-8 without NUL bytes.
    def self.text(message)
      message.to_s.encode('UTF-8', invalid: :replace, undef: :replace).scrub.delete("\0")
    end
  end
end
