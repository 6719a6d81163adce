# What muster's token must be allowed where Consul's ACLs are on, and nothing more.
#
#   consul acl policy create -name muster -rules @muster-policy.hcl
#   consul acl token create -description muster -policy-name muster
#
# Put the token's SecretID into the file that --consul-token-file names; SIGHUP makes muster read it again.
# The agents keep the token with each registration and go on using it, so give it no expiry and delete the old one only
# after muster has written with the new one.

# Register, update and deregister services and their checks, put them into maintenance, and read them back: write
# includes read. Where the names are known, one narrower rule a name or prefix does as well, as long as every name that
# muster may register is covered: services it may not read are invisible to it.
service_prefix "" {
  policy = "write"
}

# Ask an agent who it is. An agent's own services and checks need no more than the rule above.
agent_prefix "" {
  policy = "read"
}

# Read the catalog, which is silently empty without this right: it shows which agents muster has ever written to (orphans,
# muster cleanup), wakes the long polls when somebody changes a service by hand, and tells a node that the servers refuse.
node_prefix "" {
  policy = "read"
}

# Only for --lock: a session at the agent of --lock-agent, and the key of --lock-key.
#lock: session_prefix "" { policy = "write" }
#lock: key_prefix "muster/" { policy = "write" }
