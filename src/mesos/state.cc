#include "mesos/state.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "mesos/grammar.h"
#include "mesos/pull_stream.h"
#include "mesos/state_builder.h"

namespace muster::mesos {
namespace {

// The JSON reader's events, as values of the grammar's nodes.
class Decoder {
 public:
  using Ch = char;

  Decoder(PullStream& stream, const StateLimits& limits, StateBuilder& builder)
      : stream_(stream), limits_(limits), builder_(builder) {}

  // The reader's events; false ends the reading.
  bool Null() { return scalar(); }
  bool Bool(bool value) {
    if (scalar()) builder_.boolean(target_, value);
    return true;
  }
  bool Int(int value) { return number(value); }
  bool Uint(unsigned value) { return number(value); }
  bool Int64(std::int64_t value) { return number(static_cast<double>(value)); }
  bool Uint64(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool Double(double value) { return number(value); }
  bool RawNumber(const Ch*, rapidjson::SizeType, bool) { return scalar(); }
  bool String(const Ch* text, rapidjson::SizeType size, bool) {
    if (scalar() && target_ != Node::None) builder_.text(target_, {text, size});
    return true;
  }
  bool Key(const Ch* text, rapidjson::SizeType size, bool) {
    stream_.token_done();
    target_ = top().node == Node::None ? Node::None : child(top().node, {text, size});
    if (target_ == Node::None) stream_.skip_value();
    return true;
  }
  bool StartObject() {
    const Node node = next();
    if (is_census(node)) builder_.reject_item("a list of agents, frameworks or tasks is an object");
    return push({is_object(node) ? node : Node::None, false});
  }
  bool StartArray() {
    const Node node = next();
    if (is_counted(node)) builder_.reject_item("an agent, framework or task is an array");
    return push({element(node) != Node::None ? node : Node::None, true});
  }
  bool EndObject(rapidjson::SizeType) {
    const Node node = top().node;
    --depth_;
    if (node != Node::None) builder_.end(node, top().node);
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    builder_.end_list(top().node);
    --depth_;
    return true;
  }

 private:
  struct Frame {
    Node node = Node::None;
    bool array = false;
  };

  Frame top() const { return depth_ == 0 ? Frame{} : frames_[depth_ - 1]; }
  Node next() const {
    if (depth_ == 0) return Node::Root;
    return top().array ? element(top().node) : target_;
  }
  bool push(Frame frame) {
    stream_.token_done();
    if (depth_ >= std::min(limits_.depth, frames_.size())) return false;
    frames_[depth_++] = frame;
    if (frame.node != Node::None) builder_.begin(frame.node);
    return true;
  }
  // Every value that is neither object nor array passes here; leaves what it is in target_.
  bool scalar() {
    stream_.token_done();
    const Node node = next();
    if (is_census(node) || is_counted(node)) {
      builder_.reject_item("an agent, framework or task, or a list of them, is a bare value");
    }
    if (top().array) target_ = Node::None;
    return true;
  }
  bool number(double value) {
    if (scalar()) builder_.number(target_, value);
    return true;
  }

  PullStream& stream_;
  const StateLimits& limits_;
  StateBuilder& builder_;
  std::array<Frame, 64> frames_;
  std::size_t depth_ = 0;
  Node target_ = Node::None;
};

}  // namespace

Result<State> decode_state(const Pull& pull, const std::map<std::string, std::string, std::less<>>& groups,
                           const StateLimits& limits, const Held& held) {
  const auto stream = std::make_unique<PullStream>(pull, limits);
  StateBuilder builder(groups, limits, held);
  Decoder decoder(*stream, limits, builder);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse(*stream, decoder);
  if (stream->problem()) return tl::unexpected(*stream->problem());
  if (parsed.IsError()) {
    const bool cut = stream->at_end();
    return fail(Fault::Keep,
                cut ? "state of the master is empty or cut short after " + std::to_string(stream->Tell()) + " bytes"
                    : "state of the master is not JSON at byte " + std::to_string(parsed.Offset()) + ": " +
                          rapidjson::GetParseError_En(parsed.Code()));
  }
  if (!stream->at_end()) return fail(Fault::Keep, "state of the master is followed by something else");
  return builder.take();
}

Result<State> decode_state(std::string_view document, const std::map<std::string, std::string, std::less<>>& groups,
                           const StateLimits& limits, const Held& held) {
  const Pull pull = [&document](char* into, std::size_t size) -> Result<std::size_t> {
    const std::size_t taken = std::min(size, document.size());
    std::memcpy(into, document.data(), taken);
    document.remove_prefix(taken);
    return taken;
  };
  return decode_state(pull, groups, limits, held);
}

}  // namespace muster::mesos
