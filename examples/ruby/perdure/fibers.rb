# frozen_string_literal: true

require 'fiber'

module Perdure
  # Something that will have a value, or an error. Await it in a fiber of `Fibers`.
  class Future
    attr_reader :value, :error

    def initialize(fibers)
      @fibers = fibers
      @waiting = []
      @is_done = false
    end

    def done? = @is_done

    def complete(value = nil, error = nil)
      return if @is_done

      @is_done = true
      @value = value
      @error = error
      @waiting.each { |fiber| @fibers.wake(fiber) }
      @waiting.clear
    end

    # Its value, or raises its error.
    def await
      @fibers.wait_for([self]) until @is_done
      raise @error if @error

      @value
    end

    def join(fiber) = @waiting << fiber

    def leave(fiber) = @waiting.delete(fiber)
  end

  # Runs fibers one at a time, in the order in which they were woken, until all of them wait.
  class Fibers
    def initialize
      @ready = []
      @awaited = {}
      @errors = {}.compare_by_identity
    end

    # Begins a fiber. `spared`: no cancellation reaches it.
    def begin(spared: false, &code)
      fiber = Fiber.new(&code)
      @spared ||= {}.compare_by_identity
      @spared[fiber] = true if spared
      @ready << fiber
      fiber
    end

    def wake(fiber)
      @ready << fiber unless @ready.include?(fiber)
    end

    # Stops the fiber that runs until one of these is done.
    def wait_for(futures)
      fiber = Fiber.current
      futures.each { |each| each.join(fiber) }
      @awaited[fiber] = futures
      Fiber.yield
      futures.each { |each| each.leave(fiber) }
      @awaited.delete(fiber)
      error = @errors.delete(fiber)
      raise error if error
    end

    # Until nothing can go on, or the block says that it is enough.
    def run
      while !yield && (fiber = @ready.shift)
        fiber.resume if fiber.alive?
      end
    end

    # Raises an error where fibers wait. Returns what was awaited there.
    def interrupt(error)
      hit = @awaited.reject { |fiber, _| @spared[fiber] }
      hit.each_key do |fiber|
        @errors[fiber] = error
        wake(fiber)
      end
      hit.values.flatten.uniq
    end
  end
end
