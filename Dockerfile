# The exporter with an ssh client (the last stage, and the default), and a node for the demo (--target node).

FROM rust:1.89-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --release --bin scm-backup-exporter

FROM debian:12-slim AS node
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-server \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
# The exporter's account: the keys of the demo are made by one and read by the other.
RUN useradd --uid 10222 --create-home --home-dir /home/scm --shell /bin/sh --password '*' scm \
    && install -d -m 700 -o scm -g scm /home/scm/.ssh \
    && install -d -o scm -g scm /srv/scm
USER 10222:10222
EXPOSE 2222
ENTRYPOINT ["/bin/sh", "/etc/demo/node.sh"]

FROM debian:12-slim AS root
RUN apt-get update && apt-get install -y --no-install-recommends busybox openssh-client
COPY deploy/rootfs.sh /
COPY --from=build /source/target/release/scm-backup-exporter /
RUN sh /rootfs.sh /rootfs /scm-backup-exporter

# No Debian: what the script takes of it, and no more.
FROM scratch AS exporter
COPY --from=root /rootfs /
ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/home/scm
# By number, so that an orchestrator sees that it is not root.
USER 10222:10222
# What lacks a library fails here, and not at the first probe.
RUN scm-backup-exporter --version && ssh -V && wget --help
EXPOSE 10222
ENTRYPOINT ["/usr/local/bin/scm-backup-exporter"]
