# frozen_string_literal: true

require 'fiddle'
require 'json'

module Perdure
  # A call was refused: `code` is the number from dx.h, the message is the engine's.
  class Refused < StandardError
    attr_reader :code, :details

    def initialize(code, message, details = {})
      super(message)
      @code = code
      @details = details
    end

    NOT_FOUND = 4
    TIMED_OUT = 8
    STALE = 11
  end

  # The functions of include/dx.h, by Fiddle. Fiddle passes no structs by value. A dx_text is a pointer and a
  # size, which go as two arguments instead: the same registers, on x86-64 and on arm64, while there are
  # registers for both. So no function here has a text that begins behind its fifth argument.
  module Library
    POINTER = Fiddle::TYPE_VOIDP
    SIZE = Fiddle::TYPE_SIZE_T
    LONG = Fiddle::TYPE_LONG_LONG
    INT = Fiddle::TYPE_INT
    TEXT = [POINTER, SIZE].freeze
    ABI_MAJOR = 1
    ABI_MINOR = 1

    FUNCTIONS = {
      dx_store_open: [POINTER, POINTER],
      dx_client_new: [POINTER, POINTER],
      dx_client_start: [POINTER, *TEXT, POINTER],
      dx_client_send: [POINTER, *TEXT, POINTER],
      dx_client_control: [POINTER, *TEXT, POINTER],
      dx_client_describe: [POINTER, *TEXT, POINTER],
      dx_runtime_new: [POINTER, POINTER, POINTER],
      # The callbacks are NULL: work goes to dx_runtime_poll.
      dx_register_orchestration: [POINTER, *TEXT, *TEXT, POINTER, POINTER, POINTER],
      dx_register_activity: [POINTER, *TEXT, POINTER, POINTER, POINTER],
      dx_runtime_start: [POINTER],
      dx_runtime_stop: [POINTER, LONG, POINTER, POINTER],
      dx_runtime_poll: [POINTER, *TEXT, INT, INT, LONG, POINTER]
    }.freeze
    OTHERS = {
      dx_abi_version: [[], Fiddle::TYPE_INT],
      dx_error_code: [[POINTER], INT],
      dx_error_message: [[POINTER], POINTER],
      dx_error_details: [[POINTER], POINTER],
      dx_error_free: [[POINTER], Fiddle::TYPE_VOID],
      dx_buffer_free: [[POINTER], Fiddle::TYPE_VOID],
      dx_store_close: [[POINTER], Fiddle::TYPE_VOID],
      dx_client_free: [[POINTER], Fiddle::TYPE_VOID],
      dx_runtime_free: [[POINTER], Fiddle::TYPE_VOID]
    }.freeze

    class << self
      # Calls a function that answers with an error or nothing. Strings become texts.
      def call(name, *arguments)
        flat = arguments.flat_map do |each|
          each.is_a?(String) ? [Fiddle::Pointer[each], each.bytesize] : [each]
        end
        check(functions.fetch(name).call(*flat))
      end

      # The same for one whose last argument is a buffer; returns its bytes as text.
      def text(name, *arguments)
        buffer = Fiddle::Pointer.malloc(16, Fiddle::RUBY_FREE)
        buffer[0, 16] = "\0" * 16
        call(name, *arguments, buffer)
        address, size = buffer[0, 16].unpack('Q2')
        Fiddle::Pointer.new(address)[0, size].force_encoding(Encoding::UTF_8)
      ensure
        functions.fetch(:dx_buffer_free).call(buffer)
      end

      # The same for one whose last argument is a handle.
      def handle(name, *arguments)
        out = Fiddle::Pointer.malloc(8, Fiddle::RUBY_FREE)
        call(name, *arguments, out)
        Fiddle::Pointer.new(out[0, 8].unpack1('Q'))
      end

      # Frees a handle.
      def free(name, handle) = functions.fetch(name).call(handle)

      private

      def functions
        @functions ||= load
      end

      def load
        library = Fiddle.dlopen(ENV['PERDURE_LIBRARY'] || 'libdx.so')
        abi = Fiddle::Function.new(library['dx_abi_version'], [], Fiddle::TYPE_INT).call
        unless abi >> 16 == ABI_MAJOR && (abi & 0xffff) >= ABI_MINOR
          found = "#{abi >> 16}.#{abi & 0xffff}"
          raise LoadError, "libdx has the ABI #{found}, not #{ABI_MAJOR}.#{ABI_MINOR}"
        end
        # Fiddle gives the interpreter lock up during a call, so that others run while a poll waits.
        declared = FUNCTIONS.transform_values { |arguments| [arguments, POINTER] }.merge(OTHERS)
        declared.to_h do |name, (arguments, result)|
          [name, Fiddle::Function.new(library[name.to_s], arguments, result)]
        end
      end

      def check(error)
        return if error.null?

        code = functions[:dx_error_code].call(error)
        message = functions[:dx_error_message].call(error).to_s.force_encoding(Encoding::UTF_8)
        details = JSON.parse(functions[:dx_error_details].call(error).to_s.force_encoding(Encoding::UTF_8))
        functions[:dx_error_free].call(error)
        raise Refused.new(code, message, details)
      end
    end
  end
end
