# The environment of the pipeline, without its code: the clone is mounted at /work. How to build and run it: docs/gpu-box.md
# PyTorch brings its own CUDA libraries. The base has the settings by which NVIDIA's container runtime gives it the GPU.
# Another base, for example from a mirror: docker build --build-arg BASE=...
# To look up a digest: docker buildx imagetools inspect NAME:TAG
ARG BASE=nvidia/cuda:13.0.2-base-ubuntu24.04@sha256:2ab6381d970b211fb93853796dc6707eb8a72575a375c422b17cf4d8b2641701
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# With docker run --user, the user id has no name in the image. DVC needs a name, and several tools write to a home folder.
RUN useradd --create-home worker && chmod 777 /home/worker
ENV HOME=/home/worker LOGNAME=worker
USER worker
WORKDIR /home/worker
COPY requirements.lock .
RUN python3 -m venv environment \
    && environment/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
ENV PATH=/home/worker/environment/bin:$PATH
WORKDIR /work
CMD ["dvc", "repro"]
