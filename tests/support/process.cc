#include "support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "support/wait.h"

namespace muster::support {
namespace {

std::vector<std::string> environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!changes.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) result.push_back(name + '=' + value);
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Between fork and exec only calls that are safe in a copy of a process with threads.
[[noreturn]] void become(char** argv, char** envp, const char* folder, int out, int err, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  close_range(3, ~0U, 0);
  if (*folder == '\0' || chdir(folder) == 0) execvpe(argv[0], argv, envp);
  const char* reason = strerrordesc_np(errno);
  for (const char* part : {static_cast<const char*>(argv[0]), ": ", reason, "\n"}) {
    if (write(2, part, strlen(part)) < 0) break;
  }
  _exit(127);
}

std::string contents(int file) {
  std::string result;
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = pread(file, block.data(), block.size(), static_cast<off_t>(result.size()));
    if (got <= 0) return result;
    result.append(block.data(), static_cast<std::size_t>(got));
  }
}

bool executable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

std::string in_path(const std::string& name) {
  const char* path = getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, colon)) + '/' + name;
    if (executable(candidate)) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return "";
}

}  // namespace

Process::Process(const ProcessOptions& options) {
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> env = environment(options.env);
  std::vector<char*> argv_pointers = pointers(argv);
  std::vector<char*> env_pointers = pointers(env);
  out_ = memfd_create("stdout", MFD_CLOEXEC);
  err_ = memfd_create("stderr", MFD_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(argv_pointers.data(), env_pointers.data(), options.folder.c_str(), out_, err_, parent);
  if (pid_ < 0 || out_ < 0 || err_ < 0) {
    perror(argv[0].c_str());
    abort();
  }
  setpgid(pid_, pid_);
}

Process::~Process() {
  kill();
  close(out_);
  close(err_);
}

bool Process::reap(int flags) {
  if (code_) return true;
  int status = 0;
  if (waitpid(pid_, &status, flags) != pid_) return false;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::running() { return !reap(WNOHANG); }

std::optional<int> Process::wait(std::chrono::milliseconds deadline) {
  eventually(deadline, [&] { return reap(WNOHANG); });
  return code_;
}

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

void Process::kill() {
  // The group may outlive its leader; while the leader is unreaped, nobody else can have its number.
  if (!code_) ::kill(-pid_, SIGKILL);
  reap(0);
}

std::string Process::out() const { return contents(out_); }
std::string Process::err() const { return contents(err_); }

Finished run(const ProcessOptions& options, std::chrono::milliseconds deadline) {
  Process process(options);
  const std::optional<int> code = process.wait(deadline);
  if (!code) process.kill();
  return {code.value_or(-1), process.out(), process.err()};
}

std::string find_program(const std::string& name) {
  std::string variable = "MUSTER_TEST_" + name;
  std::transform(variable.begin(), variable.end(), variable.begin(), [](unsigned char c) { return toupper(c); });
  if (const char* given = getenv(variable.c_str()); given != nullptr && *given != '\0') return given;
  if (std::string found = in_path(name); !found.empty()) return found;
  if (std::string cached = std::string(MUSTER_SOURCE_DIR "/.cache/") + name + '/' + name; executable(cached)) {
    return cached;
  }
  fprintf(stderr, "%s is neither in %s nor on PATH nor in .cache: scripts/setup fetches it\n", name.c_str(),
          variable.c_str());
  if (getenv("MUSTER_REQUIRE_ALL") != nullptr) abort();
  return "";
}

}  // namespace muster::support
