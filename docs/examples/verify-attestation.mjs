// Verifies x-latchkey-attestation in a model server on Node. Needs: npm install jose
import { createRemoteJWKSet, jwtVerify } from 'jose'

/**
 * `verify(headers)` resolves with the claims: sub (the key's id), owner, guardrails, model, route. It rejects when nobody, or somebody
 * else, signed them, when their time is over, and when they were signed for another request.
 *
 * Where the gateway writes attestation_audience, give the same `audience`. `jwks` are jose's own options.
 */
export const createAttestationVerifier = ({ jwksUrl, issuer = 'latchkey', audience, jwks }) => {
  // Asks once and keeps the keys for ten minutes; a key id that it does not know makes it ask again, at most every 30 seconds.
  const keys = createRemoteJWKSet(new URL(jwksUrl), jwks)
  return async (headers) => {
    const { payload } = await jwtVerify(headers['x-latchkey-attestation'] ?? '', keys, {
      issuer,
      audience,
      algorithms: ['EdDSA', 'ES256'],
      typ: 'latchkey-attestation+jwt',
      requiredClaims: ['sub', 'owner', 'guardrails', 'iat', 'exp', 'jti', 'request_id'],
      // Seconds by which the two clocks may differ.
      clockTolerance: 5,
    })
    if (payload.request_id !== headers['x-request-id']) throw new Error('attested is another request')
    return payload
  }
}
