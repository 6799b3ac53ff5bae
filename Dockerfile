# Groundray with all that it needs, as the npm package has it. Nothing is fetched at run time:
#   docker build --tag groundray .
#   docker run --rm --network none --volume "$PWD:/work" groundray ground --image x.png --phrase "…"
FROM node:22-bookworm-slim AS build
WORKDIR /source
COPY . .
# ONNX Runtime's own script would fetch files for CUDA, so no script runs.
RUN npx -y deno@2.9.6 install --frozen \
  && npx -y deno@2.9.6 task package:npm /package \
  && npm pack --pack-destination /source /package \
  && npm install --ignore-scripts --no-audit --no-fund --prefix /groundray /source/groundray-*.tgz

FROM node:22-bookworm-slim
COPY --from=build /groundray /groundray
# The root may be read-only: what Deno keeps between runs goes into /tmp.
ENV GROUNDRAY=/groundray/node_modules/groundray \
  PATH=/groundray/node_modules/.bin:$PATH \
  DENO_DIR=/tmp/deno \
  XDG_RUNTIME_DIR=/tmp
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["groundray"]
CMD ["--help"]
