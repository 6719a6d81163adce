#include "nomad/source.h"
namespace muster::nomad {
std::unique_ptr<Source> make_cluster_source(NomadSettings settings) { return make_node_source(std::move(settings)); }
}  // namespace muster::nomad
