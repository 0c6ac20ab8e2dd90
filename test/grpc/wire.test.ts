// Our generated code and an independent reader of Envoy's published messages understand each other.
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { HeaderValueOption_HeaderAppendAction } from '../../src/grpc/gen/envoy/config/core/v3/base.ts'
import {
  AuthorizationService,
  CheckRequest,
  CheckResponse,
  DeniedHttpResponse,
} from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import {
  PUBLISHED_CHECK_PATH,
  PublishedCheckRequest,
  PublishedCheckResponse,
} from '../support/published-envoy.ts'

const { OVERWRITE_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction

const option = (key: string, value: string) => ({
  header: { key, value, rawValue: Buffer.alloc(0) },
  append: false,
  appendAction: OVERWRITE_IF_EXISTS_OR_ADD,
})

const publishedOption = (key: string, value: string) => ({
  header: { key, value },
  append: { value: false },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
})

const facts = { key_id: 'key_1', decision_id: 'dec_1', outcome: 'allow' }

const publishedFacts = {
  fields: Object.fromEntries(
    Object.entries(facts).map(([name, stringValue]) => [name, { stringValue, kind: 'stringValue' }]),
  ),
}

describe('the wire form of a CheckResponse', () => {
  it('of an Allow is read by published Envoy messages as it was written', () => {
    const bytes = CheckResponse.encode({
      status: { code: 0, message: '' },
      httpResponse: {
        $case: 'okResponse',
        value: {
          headers: [option('x-latchkey-owner', 'acme')],
          headersToRemove: ['authorization', 'x-latchkey-route'],
          responseHeadersToAdd: [option('x-ratelimit-limit-requests', '10')],
        },
      },
      dynamicMetadata: facts,
    }).finish()
    expect(PublishedCheckResponse.decode(bytes)).toMatchObject({
      status: { code: 0 },
      http_response: 'ok_response',
      ok_response: {
        headers: [publishedOption('x-latchkey-owner', 'acme')],
        headers_to_remove: ['authorization', 'x-latchkey-route'],
        response_headers_to_add: [publishedOption('x-ratelimit-limit-requests', '10')],
      },
      dynamic_metadata: publishedFacts,
    })
  })

  it('of a Deny is read by published Envoy messages as it was written', () => {
    const bytes = CheckResponse.encode({
      status: { code: 8, message: 'quota_exhausted' },
      httpResponse: {
        $case: 'deniedResponse',
        value: { status: { code: 429 }, headers: [option('retry-after', '7')], body: '{"error":"ä"}' },
      },
      dynamicMetadata: facts,
    }).finish()
    expect(PublishedCheckResponse.decode(bytes)).toMatchObject({
      status: { code: 8, message: 'quota_exhausted' },
      http_response: 'denied_response',
      denied_response: {
        status: { code: 'TooManyRequests' },
        headers: [publishedOption('retry-after', '7')],
        body: '{"error":"ä"}',
      },
      dynamic_metadata: publishedFacts,
    })
  })

  it('written by published Envoy messages is read as it was meant', () => {
    const bytes = PublishedCheckResponse.encode({
      status: { code: 7 },
      denied_response: { status: { code: 403 }, headers: [publishedOption('a', 'b')], body: 'no' },
      dynamic_metadata: publishedFacts,
    })
    expect(CheckResponse.decode(bytes)).toEqual({
      status: { code: 7, message: '' },
      httpResponse: {
        $case: 'deniedResponse',
        value: { status: { code: 403 }, headers: [option('a', 'b')], body: 'no' },
      },
      dynamicMetadata: facts,
    })
  })

  // Published since Envoy 1.37, and not in the copy that we have: CheckResponse.error_response is field 5.
  it('carries error_response as field 5, a DeniedHttpResponse', () => {
    const value = { status: { code: 503 }, headers: [option('retry-after', '1')], body: '{}' }
    const bytes = CheckResponse.encode({
      status: undefined,
      httpResponse: { $case: 'errorResponse', value },
      dynamicMetadata: undefined,
    }).finish()
    const reader = new BinaryReader(bytes)
    expect(reader.tag()).toEqual([5, 2])
    const inner = reader.bytes()
    expect(reader.pos).toBe(reader.len)
    const denied = new BinaryWriter().tag(2, 2).bytes(inner).finish()
    expect(PublishedCheckResponse.decode(denied)).toMatchObject({
      denied_response: {
        status: { code: 'ServiceUnavailable' },
        headers: [publishedOption('retry-after', '1')],
        body: '{}',
      },
    })
    expect(DeniedHttpResponse.decode(inner)).toEqual(value)
  })
})

describe('the wire form of a CheckRequest', () => {
  it('written by published Envoy messages is read as it was meant, whatever else they carry', () => {
    const bytes = PublishedCheckRequest.encode({
      attributes: {
        source: {
          address: { socket_address: { address: '10.0.0.1', port_value: 5000 } },
          principal: 'spiffe://x',
        },
        destination: { address: { pipe: { path: '/run/x' } } },
        request: {
          time: { seconds: '1795262400', nanos: 123_456_789 },
          http: {
            id: '42',
            method: 'POST',
            path: '/v1/chat/completions?a=b',
            host: 'example.com',
            scheme: 'https',
            size: '4',
            protocol: 'HTTP/2',
            headers: { authorization: 'Bearer x' },
            header_map: { headers: [{ key: 'x-api-key', raw_value: Buffer.from([0xff]) }] },
            body: 'text',
            raw_body: Buffer.from('bytes'),
          },
        },
        context_extensions: { latchkey_guardrails: 'pii' },
        metadata_context: { filter_metadata: { a: { fields: { b: { stringValue: 'c' } } } } },
        tls_session: { sni: 'example.com' },
      },
    })
    expect(CheckRequest.decode(bytes)).toEqual({
      attributes: {
        source: { address: { address: { $case: 'socketAddress', value: { address: '10.0.0.1' } } } },
        request: {
          time: { seconds: 1_795_262_400n, nanos: 123_456_789 },
          http: {
            id: '42',
            method: 'POST',
            path: '/v1/chat/completions?a=b',
            headers: new Map([['authorization', 'Bearer x']]),
            headerMap: { headers: [{ key: 'x-api-key', value: '', rawValue: Buffer.from([0xff]) }] },
            body: 'text',
            rawBody: Buffer.from('bytes'),
          },
        },
        contextExtensions: new Map([['latchkey_guardrails', 'pii']]),
      },
    })
  })

  it('is read by published Envoy messages as it was written', () => {
    const bytes = CheckRequest.encode(
      aCheckRequest({ id: '7', headers: [['x-api-key', 'k']], body: '{}', contextExtensions: { a: 'b' } }),
    ).finish()
    expect(PublishedCheckRequest.decode(bytes)).toMatchObject({
      attributes: {
        request: {
          time: { seconds: '1795262400' },
          http: {
            id: '7',
            method: 'POST',
            path: '/v1/chat/completions',
            header_map: { headers: [{ key: 'x-api-key', raw_value: Buffer.from('k') }] },
            raw_body: Buffer.from('{}'),
          },
        },
        context_extensions: { a: 'b' },
      },
    })
  })

  it('is asked for under the published path', () => {
    expect(AuthorizationService.check.path).toBe(PUBLISHED_CHECK_PATH)
  })
})
