# One static binary on a base without a shell or a package manager.
#
#     docker build --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" -t teams-kafka-connector:v1.2.3 .
#
# Both base images are pinned by digest, so that the same source gives the same files. They are build arguments, so that
# a build without a registry can name images of its own: --build-arg GO_IMAGE=… --build-arg BASE_IMAGE=…, and
# --build-arg GOPROXY=… for the modules.
ARG GO_IMAGE=docker.io/library/golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot@sha256:d093aa3e30dbadd3efe1310db061a14da60299baff8450a17fe0ccc514a16639

# The compiler runs on the machine that builds, and compiles for the one that will run.
FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build
WORKDIR /source
ARG GOPROXY
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=unknown
# Neither the folder, nor the time, nor a build id goes into the binary: it is the same wherever it is built.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= -X main.release=${VERSION} -X main.commit=${REVISION}" -o /out/connector ./cmd/connector

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="teams-kafka-connector" \
      org.opencontainers.image.description="Streams Microsoft Teams chat messages into Kafka, exactly once" \
      org.opencontainers.image.source="https://github.com/teams-kafka/connector" \
      org.opencontainers.image.documentation="https://github.com/teams-kafka/connector/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/connector /connector
# A number, because Kubernetes can check only of a number that it is not root's.
USER 65532:65532
WORKDIR /
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/connector", "health"]
ENTRYPOINT ["/connector"]
CMD ["run"]
