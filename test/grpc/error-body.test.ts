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
    expect(error).toMatchObject({ type: errorType, errorCode: reason })
    expect(error.error).toEqual({
      type: 'error',
      error: { type: errorType, message: MESSAGE, details: { error_code: reason } },
      request_id: 'dec_1',
    })
  })
})

describe("Google's SDK", () => {
  const body = (reason: DenyReason, retryAfterS?: number): unknown =>
    JSON.parse(errorBody('google', { reason, message: MESSAGE, retryAfterS }, 'dec_1'))
  const info = (reason: string) => ({
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'latchkey',
    metadata: { decision_id: 'dec_1' },
  })

  it.each([
    ['request_malformed', 400, 'INVALID_ARGUMENT', 'REQUEST_MALFORMED'],
    ['invalid_key', 401, 'UNAUTHENTICATED', 'INVALID_KEY'],
    ['model_not_allowed', 403, 'PERMISSION_DENIED', 'MODEL_NOT_ALLOWED'],
    ['body_too_large', 413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE'],
    ['quota_exhausted', 429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXHAUSTED'],
    ['internal_error', 500, 'INTERNAL', 'INTERNAL_ERROR'],
    ['store_unavailable', 503, 'UNAVAILABLE', 'STORE_UNAVAILABLE'],
  ] as const)('finds code, status and details of %s', (reason, code, status, told) => {
    expect(body(reason)).toEqual({ error: { code, message: MESSAGE, status, details: [info(told)] } })
  })

  it('is told when to come back, where that is of use', () => {
    const wait = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }
    expect(body('rate_limited', 7)).toMatchObject({ error: { details: [info('RATE_LIMITED'), wait] } })
    expect(body('overloaded', 7)).toMatchObject({ error: { details: [info('OVERLOADED'), wait] } })
    expect(body('quota_exhausted', 7)).toMatchObject({ error: { details: [info('QUOTA_EXHAUSTED')] } })
  })
})
