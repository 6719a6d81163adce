# muster beside every Nomad client: the allocations of this node, at the Consul agent of this node.
#
#   nomad acl policy apply -namespace default -job muster muster deploy/nomad/muster-policy.hcl
#   nomad job run deploy/nomad/muster.nomad.hcl
#
# Needs Nomad 1.6 or later and raw_exec (plugin "raw_exec" { config { enabled = true } }). Never add a service block of
# provider "consul" here: it keeps the job away from nodes whose client knows no Consul agent.
job "muster" {
  type        = "system"
  datacenters = ["*"]
  node_pool   = "all"
  priority    = 90

  group "muster" {
    network {
      mode = "host"
      port "web" {
        static = 24476
      }
    }

    restart {
      attempts = 10
      interval = "5m"
      delay    = "5s"
      mode     = "delay"
    }

    task "muster" {
      driver = "raw_exec"

      config {
        command = "/usr/local/bin/muster"
        args = [
          "--nomad-scope=node",
          "--nomad-node-id=${node.unique.id}",
          "--consul-agent=http://127.0.0.1:8500",
          "--listen=127.0.0.1:24476",
        ]
      }

      # The task's own identity is its token: found in NOMAD_SECRETS_DIR and read again when Nomad renews it, as is the
      # socket of Nomad's API. Nothing secret stands in this file.
      identity {
        env         = true
        file        = true
        change_mode = "noop"
      }

      # What is registered stays when muster stops: the next one takes it over as it is.
      kill_timeout = "5s"

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
