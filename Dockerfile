# One image with the three programs. `docker build -t copilot .`
# Without a command it runs `copilot`; name `copilot-api` or `copilot-executor` for the other two.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p copilot -p copilot-api -p copilot-executor --bins \
    && mkdir /out \
    && cp target/release/copilot target/release/copilot-api target/release/copilot-executor /out/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home copilot
COPY --from=build /out/ /usr/local/bin/
USER 10001
WORKDIR /data
CMD ["copilot"]
