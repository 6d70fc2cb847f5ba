# frozen_string_literal: true

require_relative 'context'

module Perdure
  # Runs turns: one object per live execution. All on one thread, since a fiber stays on its thread.
  class Host
    # Executions that are kept; beyond, the one that was used least recently goes. Its next turn replays.
    KEPT = 1_000

    # `codes`: callables by [name, version].
    def initialize(codes)
      @codes = codes
      @live = {}
    end

    # A turn request to its answer.
    def run(request)
      instance = request['instance']
      return ask(request) if request['query']
      return anew(request).run(request).merge('logs' => [], 'retained' => false) if request['replay']

      execution = @live.delete(instance)
      if request['from'].zero?
        execution = anew(request)
      elsif execution.nil? || execution.consumed != request['from']
        return { 'v' => 1, 'miss' => true }
      end
      answer = execution.run(request)
      keep(instance, execution) if answer['retained']
      answer
    end

    private

    def anew(request)
      code = @codes.fetch([request['orchestration'], request['version']])
      Execution.new(request, code)
    end

    def keep(instance, execution)
      @live[instance] = execution
      @live.shift if @live.size > KEPT
    end

    def ask(request)
      execution = anew(request)
      execution.run(request)
      name = request['query']['name']
      handler = execution.queries[name]
      return refuse(request['instance'], name, execution.queries.keys) unless handler

      result = handler.call(request['query']['input'])
      { 'v' => 1, 'query' => { 'result' => Limits.value(result, 'The answer') } }
    rescue StandardError => e
      { 'v' => 1, 'query' => { 'failure' => Failures.of(e) } }
    end

    def refuse(instance, name, known)
      names = known.sort_by(&:b).map { |each| "'#{each}'" }.join(', ')
      has = known.empty? ? 'it has none at all' : "it has #{names}"
      message = "the instance '#{instance}' has no handler for the query '#{name}'; #{has}"
      failure = { 'type' => 'perdure.NotRegistered', 'message' => message, 'nonRetryable' => true }
      { 'v' => 1, 'query' => { 'failure' => failure } }
    end
  end
end
