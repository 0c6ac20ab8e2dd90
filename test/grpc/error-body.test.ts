// The official SDKs read a refusal as their own typed error, with its words and its id.
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import type { DenyReason } from '../../src/check/decision.ts'
import { deny, REASONS } from '../../src/check/decision.ts'
import { errorBody } from '../../src/grpc/error-body.ts'
import { ALL_REASONS } from '../support/decisions.ts'

const MESSAGE = 'The model "x\\u0000" is not allowed.'

const parsed = (shape: 'openai' | 'anthropic', reason: DenyReason): { error: { message: string } } =>
  JSON.parse(errorBody(shape, deny(reason, MESSAGE), 'dec_1'))

describe("OpenAI's SDK", () => {
  it.each(ALL_REASONS)('tells %s by code', (reason) => {
    const { status } = REASONS[reason]
    const error = OpenAI.APIError.generate(status, parsed('openai', reason), undefined, new Headers())
    expect(error).toMatchObject({ status, code: reason, error: { message: MESSAGE, decision_id: 'dec_1' } })
    expect(error.message).toContain(MESSAGE)
  })

  it.each([
    ['invalid_key', OpenAI.AuthenticationError, 'invalid_request_error', null],
    ['model_not_allowed', OpenAI.PermissionDeniedError, 'invalid_request_error', 'model'],
    ['model_required', OpenAI.BadRequestError, 'invalid_request_error', 'model'],
    ['quota_exhausted', OpenAI.RateLimitError, 'insufficient_quota', null],
    ['rate_limited', OpenAI.RateLimitError, 'rate_limit_error', null],
    ['store_unavailable', OpenAI.InternalServerError, 'server_error', null],
  ] as const)('types %s', (reason, type, errorType, param) => {
    const { status } = REASONS[reason]
    const error = OpenAI.APIError.generate(status, parsed('openai', reason), undefined, new Headers())
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ type: errorType, param })
  })
})

describe("Anthropic's SDK", () => {
  it.each([
    ['invalid_key', Anthropic.AuthenticationError, 'authentication_error'],
    ['key_disabled', Anthropic.PermissionDeniedError, 'permission_error'],
    ['model_required', Anthropic.BadRequestError, 'invalid_request_error'],
    ['body_too_large', Anthropic.APIError, 'request_too_large'],
    ['quota_exhausted', Anthropic.RateLimitError, 'rate_limit_error'],
    ['overloaded', Anthropic.InternalServerError, 'overloaded_error'],
    ['store_unavailable', Anthropic.InternalServerError, 'api_error'],
    ['internal_error', Anthropic.InternalServerError, 'api_error'],
  ] as const)('types %s', (reason, type, errorType) => {
    const body = parsed('anthropic', reason)
    const error = Anthropic.APIError.generate(REASONS[reason].status, body, undefined, new Headers())
    expect(error).toBeInstanceOf(type)
    expect(error.error).toEqual({
      type: 'error',
      error: { type: errorType, message: MESSAGE },
      request_id: 'dec_1',
    })
  })
})
