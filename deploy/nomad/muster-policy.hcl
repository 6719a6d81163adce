# Nomad: what muster may do, in either scope. It only ever reads.
#
# Every namespace, or none: a list that is shortened by missing rights proves nothing, and muster then keeps whatever it
# did not see end.
namespace "*" {
  capabilities = ["read-job"]
}

# Nodes, their allocations, and what happens to them.
node {
  policy = "read"
}
