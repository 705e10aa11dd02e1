# The environment of the pipeline; the clone is mounted. How to build and run it: docs/gpu-box.md
# PyTorch brings its own CUDA libraries: what the base gives is what NVIDIA's container runtime looks for.
# For the same bytes every time, pin it: docker buildx imagetools inspect BASE says its digest.
ARG BASE=nvidia/cuda:13.0.0-base-ubuntu24.04
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home worker
USER worker
WORKDIR /home/worker
COPY requirements.lock .
RUN python3 -m venv environment \
    && environment/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
ENV PATH=/home/worker/environment/bin:$PATH
USER root
RUN chmod 755 /home/worker
USER worker
WORKDIR /work
CMD ["dvc", "repro"]
