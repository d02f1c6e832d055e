# The image of one replica: `docker build -t paramd .`; docs/deploy/container.md tells how it is run and tested.
ARG NODE_VERSION=24

# The compiler comes as an optional package of its platform, so nothing is left out here.
FROM node:${NODE_VERSION}-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY deploy/build.ts deploy/
COPY src src
COPY gen gen
RUN npm run build

# Without the embedded PostgreSQL and the second Node, which are for development.
FROM node:${NODE_VERSION}-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:${NODE_VERSION}-slim
LABEL org.opencontainers.image.title="paramd" \
      org.opencontainers.image.description="A parameter service" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
ENV NODE_ENV=production \
    PARAMD_LISTEN=0.0.0.0:50051 \
    PARAMD_HTTP_LISTEN=0.0.0.0:9464
COPY package.json LICENSE ./
COPY bin bin
COPY proto proto
COPY gen gen
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
EXPOSE 50051 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
  CMD ["node", "bin/paramd.js", "health", "--timeout", "3s"]
ENTRYPOINT ["node", "/app/bin/paramd.js"]
CMD ["serve"]
