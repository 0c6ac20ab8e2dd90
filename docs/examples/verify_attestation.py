"""Verifies x-latchkey-attestation in a model server on Python. Needs: pip install 'PyJWT[crypto]'"""

import jwt

REQUIRED = ["sub", "owner", "guardrails", "iat", "exp", "jti", "request_id"]


class AttestationVerifier:
    """`verify(headers)` returns the claims (sub is the key's id, owner, guardrails, model, route) or raises jwt.PyJWTError.

    Where the gateway writes attestation_audience, give the same `audience`. `jwks` are PyJWKClient's own options.
    """

    def __init__(self, jwks_url, issuer="latchkey", audience=None, **jwks):
        # Keeps the keys for five minutes; a key id that it does not know makes it ask again, at most every 30 seconds.
        self._keys = jwt.PyJWKClient(jwks_url, **jwks)
        self._expected = {"issuer": issuer, "audience": audience}
        self._options = {"require": REQUIRED, "verify_aud": audience is not None}

    def verify(self, headers):
        token = headers.get("x-latchkey-attestation", "")
        if jwt.get_unverified_header(token).get("typ") != "latchkey-attestation+jwt":
            raise jwt.InvalidTokenError("no attestation")
        claims = jwt.decode(
            token,
            self._keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA", "ES256"],
            leeway=5,  # seconds by which the two clocks may differ
            options=self._options,
            **self._expected,
        )
        if claims["request_id"] != headers.get("x-request-id"):
            raise jwt.InvalidTokenError("attested is another request")
        return claims
