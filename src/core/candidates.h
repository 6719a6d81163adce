// Of the services that instances offer, those that one agent shall hold. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "muster/wanted.h"

namespace muster {

struct Candidate {
  Service service;
  std::string instance;
  std::string key;  // Instance::key
  std::uint8_t distance = 0;
  std::size_t ordinal = 0;  // of the instance; one instance may offer an id twice
  std::size_t order = 0;    // given by add
};

class Candidates {
 public:
  // Every instance with a key must be met, whether or not it offers a service: the nearest source that sees a thing is
  // believed, also when it says that nothing is to be registered.
  void meet(const Instance& instance);
  void add(Candidate candidate);
  void reserve(std::size_t more) { all_.reserve(all_.size() + more); }

  // Fills out.services, sorted by id: without those of which a nearer source tells, and of several with one id the
  // first by instance id, then by source and host, then the first added. Ids that differ in case alone are one.
  void finish(Desired& out);

 private:
  bool outdone(const Candidate& candidate) const;

  std::vector<Candidate> all_;
  std::map<std::string, std::uint8_t> nearest_;  // by Instance::key
};

}  // namespace muster
