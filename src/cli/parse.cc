#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "cli/config.h"
#include "cli/echo.h"
#include "cli/help.h"

namespace muster::cli {
namespace {

// CLI11 takes `--x=` for `--x` and then eats the next argument as the value; this stands in for the empty value.
const std::string kEmptyValue("\x01", 1);

struct Value {
  std::string text;
  std::string label;  // "--refresh", "MUSTER_REFRESH", "/etc/muster.conf:3: refresh "
};
using Layer = std::map<std::string, std::vector<Value>>;  // by flag name

Result<std::string> truth(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const char* yes : {"true", "t", "1", "yes", "on"}) {
    if (lower == yes) return std::string("true");
  }
  for (const char* no : {"false", "f", "0", "no", "off"}) {
    if (lower == no) return std::string("false");
  }
  return fail(Fault::Leave, "not a truth value; give true or false");
}

class Parser {
 public:
  Parser(const Program& program, const std::vector<FlagGroup>& groups, const Environment& environment)
      : program_(program), groups_(groups), environment_(environment) {
    for (const FlagGroup& group : groups) {
      for (const Flag& flag : group.flags) flags_.emplace(flag.name, &flag);
    }
  }

  Parsed run(const std::vector<std::string>& arguments) {
    read_command_line(arguments);
    if (parsed_.next == Parsed::Next::Exit) return parsed_;
    read_environment();
    read_config();
    for (const FlagGroup& group : groups_) {
      for (const Flag& flag : group.flags) apply(flag);
    }
    if (!errors_.empty()) fail_with_errors();
    return parsed_;
  }

 private:
  // ---- command line

  void read_command_line(const std::vector<std::string>& arguments) try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    CLI::Option* help = app.add_flag("-h,--help");
    CLI::Option* version = app.add_flag("--version");
    std::map<std::string, CLI::Option*> options;
    for (const auto& [name, flag] : flags_) {
      CLI::Option* option = flag->value.empty() ? app.add_flag("--" + name) : app.add_option("--" + name);
      options[name] = option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
    std::vector<std::string> tokens = guarded(arguments);
    std::reverse(tokens.begin(), tokens.end());
    app.parse(std::move(tokens));
    if (help->count() > 0) return leave(0, help_text(program_, groups_));
    if (version->count() > 0) return leave(0, program_.name + " " + program_.version + "\n");
    for (const auto& [name, option] : options) take_results(name, option->results());
    read_rest(app.remaining());
  } catch (const CLI::Error& error) {
    errors_.push_back(error.what());
  } catch (const std::exception& error) {
    errors_.push_back(std::string("the command line cannot be read: ") + error.what());
  }

  // The arguments in a form that CLI11 reads as we promise.
  std::vector<std::string> guarded(const std::vector<std::string>& arguments) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& token = arguments[i];
      const bool flag = token.starts_with("--") && token.size() > 2;
      tokens.push_back(flag && token.ends_with('=') && token.find('=') == token.size() - 1 ? token + kEmptyValue
                                                                                           : token);
      if (!flag || !takes_value(token.substr(2))) continue;
      const bool last = i + 1 == arguments.size();
      if (last || arguments[i + 1].starts_with("--")) {
        errors_.push_back(token + ": missing value; write " + token + "=" + flags_.at(token.substr(2))->value);
        tokens.pop_back();
      } else {
        // Joined, since CLI11 gives some lone words ("++", "[a,b]") a meaning of their own.
        ++i;
        tokens.back() += "=" + (arguments[i].empty() ? kEmptyValue : arguments[i]);
      }
    }
    return tokens;
  }

  bool takes_value(const std::string& name) const {
    const auto found = flags_.find(name);
    return found != flags_.end() && !found->second->value.empty();
  }

  void take_results(const std::string& name, const std::vector<std::string>& results) {
    if (results.empty()) return;
    std::vector<Value>& values = command_line_[name];
    for (const std::string& result : results) values.push_back({result == kEmptyValue ? "" : result, "--" + name});
    if (!flags_.at(name)->repeatable) values.erase(values.begin(), values.end() - 1);
  }

  // What CLI11 did not know: unknown flags, a verb, its operands. A word behind an unknown flag may be its secret
  // value.
  void read_rest(const std::vector<std::string>& rest) {
    bool unknown = false;
    for (const std::string& word : rest) {
      if (word.size() < 2 || word[0] != '-' || word == "--") continue;
      unknown = true;
      const std::string shown = word.substr(0, word.find('='));
      const std::string bare =
          shown.substr(shown.find_first_not_of('-') == shown.npos ? 0 : shown.find_first_not_of('-'));
      errors_.push_back(shown + ": unknown flag" + suggestion(bare, names(), "--"));
    }
    if (unknown) return;
    for (const std::string& word : rest) {
      if (word != "--") read_word(word);
    }
  }

  void read_word(const std::string& word) {
    const auto verb = std::find_if(program_.verbs.begin(), program_.verbs.end(), [&](const Verb& v) {
      return v.name == (parsed_.verb.empty() ? word : parsed_.verb);
    });
    if (parsed_.verb.empty() && verb != program_.verbs.end()) {
      parsed_.verb = word;
    } else if (verb != program_.verbs.end() && !verb->operands.empty()) {
      parsed_.operands.push_back(word);
    } else {
      errors_.push_back("'" + echo(word) + "': unexpected argument; every setting is written --name=value");
    }
  }

  // ---- environment and config file

  void read_environment() {
    for (const auto& [name, flag] : flags_) {
      const std::string variable = variable_name(name);
      const auto text = environment_ ? environment_(variable) : std::nullopt;
      if (!text || text->empty()) continue;
      if (flag->repeatable) {
        add_lines(variable, *text, variables_[name]);
      } else {
        variables_[name].push_back({*text, variable});
      }
    }
  }

  static void add_lines(const std::string& variable, const std::string& text, std::vector<Value>& values) {
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = std::min(text.find('\n', from), text.size());
      if (end > from) values.push_back({text.substr(from, end - from), variable});
      from = end + 1;
    }
  }

  void read_config() {
    const Value* path = find(kConfigFlag);
    if (path == nullptr || path->text.empty()) return;
    const auto text = read_file(path->text);
    if (!text) return errors_.push_back(path->label + "=" + text.error().message);
    const auto items = parse_config(*text);
    if (!items) return errors_.push_back(path->text + ":" + items.error().message);
    for (const ConfigItem& item : *items) take_item(path->text, item);
  }

  void take_item(const std::string& path, const ConfigItem& item) {
    const std::string label = path + ":" + std::to_string(item.line) + ": " + item.name;
    const auto flag = flags_.find(item.name);
    if (flag == flags_.end())
      return errors_.push_back(label + ": unknown setting" + suggestion(item.name, names(), ""));
    if (item.name == kConfigFlag) return errors_.push_back(label + ": a config file cannot name another");
    std::vector<Value>& values = file_[item.name];
    for (const std::string& value : item.values) values.push_back({value, label});
    if (!flag->second->repeatable && values.size() != 1) {
      errors_.push_back(label + ": takes exactly one value; write it once, without brackets");
    }
  }

  // ---- the setters

  const std::vector<Value>* winner(const std::string& name) const {
    for (const Layer* layer : {&command_line_, &variables_, &file_}) {
      const auto found = layer->find(name);
      if (found != layer->end()) return &found->second;
    }
    return nullptr;
  }

  const Value* find(const std::string& name) const {
    const std::vector<Value>* values = winner(name);
    return values == nullptr || values->empty() ? nullptr : &values->back();
  }

  void apply(const Flag& flag) {
    const std::vector<Value>* values = winner(flag.name);
    if (values == nullptr || values->empty()) return;
    parsed_.given[flag.name] = values->back().label;
    for (const Value& value : *values) {
      parsed_.values[flag.name].push_back(value.text);
      const Result<void> set = store(flag, value.text);
      if (set) continue;
      errors_.push_back(value.label + shown(flag, value) + ": " + set.error().message);
    }
  }

  // A secret URL is shown without its secret, so that the operator sees which one is meant.
  static std::string shown(const Flag& flag, const Value& value) {
    if (flag.secret && flag.value != "URL") return "";
    const std::string sign = value.label.find(": ") == value.label.npos ? "=" : " = ";
    return sign + (flag.secret ? echo_secret_url(value.text) : echo(value.text));
  }

  static Result<void> store(const Flag& flag, const std::string& text) {
    if (!flag.value.empty()) return flag.set(text);
    const auto canonical = truth(text);
    if (!canonical) return tl::unexpected(canonical.error());
    return flag.set(*canonical);
  }

  // ---- results

  std::vector<std::string> names() const {
    std::vector<std::string> all{"help", "version"};
    for (const auto& [name, flag] : flags_) all.push_back(name);
    return all;
  }

  void leave(int code, std::string out) {
    parsed_ = Parsed{};
    parsed_.next = Parsed::Next::Exit;
    parsed_.code = code;
    parsed_.out = std::move(out);
  }

  void fail_with_errors() {
    leave(2, "");
    for (const std::string& error : errors_) parsed_.err += program_.name + ": " + error + "\n";
    parsed_.err += "Try '" + program_.name + " --help'.\n";
  }

  const Program& program_;
  const std::vector<FlagGroup>& groups_;
  const Environment& environment_;
  std::map<std::string, const Flag*> flags_;
  Layer command_line_;
  Layer variables_;
  Layer file_;
  std::vector<std::string> errors_;
  Parsed parsed_;
};

}  // namespace

Parsed parse(const Program& program, const std::vector<FlagGroup>& groups, const std::vector<std::string>& arguments,
             const Environment& environment) {
  return Parser(program, groups, environment).run(arguments);
}

std::string variable_name(const std::string& flag) {
  std::string name = "MUSTER_";
  for (const char c : flag) name += c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
  return name;
}

}  // namespace muster::cli
