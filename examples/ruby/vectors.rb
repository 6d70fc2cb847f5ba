# frozen_string_literal: true

# Plays Tests/Vectors/turns. Prints `ok NAME` or `FAIL NAME: why`; the last line gives the sums.
#
#     ruby examples/ruby/vectors.rb
require 'json'
require_relative 'samples'

FOLDER = File.expand_path('../../Tests/Vectors/turns', __dir__)

# An answer without what the vectors do not compare.
def comparable(found, wanted)
  case found
  when Hash
    skipped = wanted.is_a?(Hash) && wanted.key?('cause') ? %w[logs stack] : %w[logs stack cause]
    found.except(*skipped).to_h do |key, value|
      [key, comparable(value, wanted.is_a?(Hash) ? wanted[key] : nil)]
    end
  when Array
    found.each_with_index.map { |each, at| comparable(each, wanted.is_a?(Array) ? wanted[at] : nil) }
  else found
  end
end

def play(vector)
  host = Perdure::Host.new(Samples::ALL.transform_keys { |name| [name, '1.0.0'] })
  vector['steps'].each_with_index do |step, at|
    found = comparable(JSON.parse(JSON.generate(host.run(step['request']))), step['answer'])
    wanted = comparable(step['answer'], step['answer'])
    return "step #{at}: #{JSON.generate(found)} is not #{JSON.generate(wanted)}" unless found == wanted
  end
  nil
end

def play_all
  verdicts = Dir[File.join(FOLDER, '*.json')].sort.map do |path|
    wrong = begin
      play(JSON.parse(File.read(path)))
    rescue StandardError => e
      "#{e.class}: #{e.message} #{e.backtrace.first}"
    end
    name = File.basename(path, '.json')
    puts wrong ? "FAIL vector #{name}: #{wrong}" : "ok vector #{name}"
    wrong.nil?
  end
  verdicts.tally.values_at(true, false).map(&:to_i)
end

if $PROGRAM_NAME == __FILE__
  passed, failed = play_all
  puts "#{passed} passed, #{failed} failed"
  exit(failed.zero? && passed.positive?)
end
