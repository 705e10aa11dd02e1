# The environment of the pipeline; the clone is mounted. How to build and run it: docs/gpu-box.md
# PyTorch brings its own CUDA libraries: what the base gives is what NVIDIA's container runtime looks for.
# Another base, such as a mirror's: docker build --build-arg BASE=... Its digest: docker buildx imagetools inspect NAME:TAG
ARG BASE=nvidia/cuda:13.0.2-base-ubuntu24.04@sha256:2ab6381d970b211fb93853796dc6707eb8a72575a375c422b17cf4d8b2641701
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# docker run --user: a number that is known outside only. DVC wants to know a name, and all write to a home.
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
