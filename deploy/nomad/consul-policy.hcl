# Consul: the token of either job (--consul-token-file). The lock's key is for muster-central.nomad.hcl alone.
service_prefix "" {
  policy = "write"
}

node_prefix "" {
  policy = "read"
}

agent_prefix "" {
  policy = "read"
}

session_prefix "" {
  policy = "write"
}

key_prefix "muster/" {
  policy = "write"
}
