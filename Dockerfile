# Latchkey in a small image that runs as nobody in particular. `docker build -t latchkey .`

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY tools/build.ts tools/build.ts
COPY src src
# What runs is JavaScript and what it needs, without compilers, linters and the second Node.
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/latchkey
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY migrations migrations
# 101 is the group of Envoy in its own image; who is in it may use the socket file. A new volume takes over owner and mode.
RUN ln -s /opt/latchkey/bin/latchkey /usr/local/bin/latchkey \
  && install -d -o node -g 101 -m 0750 /run/latchkey \
  && install -d -o node -g node -m 0700 /var/lib/latchkey
USER node
ENV DATABASE_URL=sqlite:/var/lib/latchkey/latchkey.db
VOLUME /var/lib/latchkey
EXPOSE 9191 9193
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9193/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
