# frozen_string_literal: true

module Perdure
  # Random numbers that are the same in each run: docs/wire-format.md, "Derived randomness".
  class Chance
    MASK = (1 << 64) - 1

    def initialize(instance, execution)
      bytes = "#{instance}\0#{execution}".b.bytes
      @state = bytes.reduce(0xcbf29ce484222325) { |hash, byte| ((hash ^ byte) * 0x100000001b3) & MASK }
    end

    def number = (take >> 11) * (2.0**-53)

    def guid
      high = (take & ~0xf000) | 0x4000
      low = (take & ~(3 << 62)) | (2 << 62)
      digits = format('%016x%016x', high, low)
      [digits[0, 8], digits[8, 4], digits[12, 4], digits[16, 4], digits[20, 12]].join('-')
    end

    private

    def take
      @state = (@state + 0x9e3779b97f4a7c15) & MASK
      mixed = ((@state ^ (@state >> 30)) * 0xbf58476d1ce4e5b9) & MASK
      mixed = ((mixed ^ (mixed >> 27)) * 0x94d049bb133111eb) & MASK
      mixed ^ (mixed >> 31)
    end
  end
end
