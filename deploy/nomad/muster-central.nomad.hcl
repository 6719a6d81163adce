# Two musters for a whole region, of which one acts: every node's allocations, each at the Consul agent of its node.
#
#   nomad acl policy apply -namespace default -job muster-central muster-central deploy/nomad/muster-policy.hcl
#   nomad job run deploy/nomad/muster-central.nomad.hcl
#
# Needs Nomad 1.9.6 or later for the event stream with a task's identity (older ones are followed by blocking queries),
# and Consul agents that answer at the address of their node (client_addr), at port 8500.
job "muster-central" {
  type        = "service"
  datacenters = ["*"]

  group "muster" {
    count = 2

    constraint {
      distinct_hosts = true
    }

    network {
      mode = "host"
      port "web" {}
    }

    task "muster" {
      driver = "raw_exec"

      config {
        command = "/usr/local/bin/muster"
        args = [
          "--nomad-scope=cluster",
          "--nomad-cluster=main",
          "--lock",
          "--lock-agent=http://127.0.0.1:8500",
          "--listen=127.0.0.1:${NOMAD_PORT_web}",
        ]
      }

      identity {
        env         = true
        file        = true
        change_mode = "noop"
      }

      kill_timeout = "5s"

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
