# frozen_string_literal: true

require_relative 'perdure/client'
require_relative 'perdure/runtime'

# A host for orchestrations and activities in Ruby, small and complete enough to work: see README.md.
module Perdure
end
