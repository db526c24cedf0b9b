# The exporter with an ssh client (the last stage, and the default), and a node for the demo (--target node).

FROM rust:1.89-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --release --bin scm-backup-exporter

# One account for both: the keys of the demo are made by one and read by the other.
FROM debian:12-slim AS account
RUN useradd --uid 10222 --create-home --home-dir /home/scm --shell /bin/sh --password '*' scm \
    && install -d -m 700 -o scm -g scm /home/scm/.ssh

FROM account AS node
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-server \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
    && install -d -o scm -g scm /srv/scm
USER scm
EXPOSE 2222
ENTRYPOINT ["/bin/sh", "/etc/demo/node.sh"]

FROM account AS exporter
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-client \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /source/target/release/scm-backup-exporter /usr/local/bin/
USER scm
EXPOSE 10222
ENTRYPOINT ["/usr/local/bin/scm-backup-exporter"]
