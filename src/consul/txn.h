// A plan as catalog transactions (Consul API, PUT /v1/txn; shapes and limits as measured on 1.8.7). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consul/decode.h"
#include "muster/plan.h"
#include "muster/result.h"

namespace muster::consul {

// What proves to Consul that we are the active muster: the session that holds the lock's key.
struct LockProof {
  std::string key;
  std::string session;
};

inline constexpr std::size_t kTxnOperations = 64;     // 128 from 1.14 on; a 65th is answered with 413
inline constexpr std::size_t kTxnBytes = 512 * 1024;  // limits.txn_max_req_len; a larger body is cut off

// Operations, each one JSON object.
std::string check_session(const LockProof& proof);
// Creates the node, mends its address and marks, or, if they are right, does nothing but fail when the node is no
// longer the one in `before`: the server compares ModifyIndex, and an identical write moves no index.
std::string set_node(const std::string& name, const std::string& address, const std::string& owner,
                     const CatalogNode& before);
std::string delete_node(const std::string& name);

// The operations of one action; none when the catalog is already so. A check that exists is sent only with a changed
// service, with the status and output that it has, and fails if they moved meanwhile (cas). Error (Fault::Item): no id,
// or a check id that something else on the node has.
Result<std::vector<std::string>> encode_action(const std::string& node, const Action& action,
                                               const CatalogNode& before);

// One step of a plan: an action that must not be torn apart, or the end of the node.
struct Step {
  std::optional<std::size_t> action;  // index in Plan::actions; none: the node's end
  std::vector<std::string> operations;
};

// Takes as many steps from `next` on as fit one transaction beside `head`; at least one. Answers the end.
std::size_t fill(const std::vector<Step>& steps, std::size_t next, const std::vector<std::string>& head);
// Whether a step fits any transaction at all.
bool fits(const Step& step);
std::string encode_txn(const std::vector<std::string>& head, const std::vector<Step>& steps, std::size_t begin,
                       std::size_t end);

// One complaint of a 409: the transaction was rolled back.
struct TxnError {
  std::size_t operation = 0;
  std::string what;
  friend bool operator==(const TxnError&, const TxnError&) = default;
};
// Body of a 409; empty when it cannot be understood.
std::vector<TxnError> decode_txn_errors(std::string_view body);

}  // namespace muster::consul
