#include "support/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/wait.h"

namespace muster::support {
namespace {

TEST(Process, KeepsWhatTheChildWroteAndItsExitCode) {
  const Finished done = run({{"sh", "-c", "echo out; echo err >&2; exit 3"}, {}, ""});
  EXPECT_EQ(done.code, 3);
  EXPECT_EQ(done.out, "out\n");
  EXPECT_EQ(done.err, "err\n");
}

TEST(Process, SetsAndRemovesVariablesAndTheFolder) {
  const Folder folder;
  const Finished done = run({{"sh", "-c", "echo $A${HOME-none}; pwd"}, {{"A", "x"}, {"HOME", ""}}, folder.path()});
  EXPECT_EQ(done.out, "xnone\n" + folder.path() + '\n');
}

TEST(Process, SaysWhyAProgramCannotRun) {
  const Finished done = run({{"no-such-program"}, {}, ""});
  EXPECT_EQ(done.code, 127);
  EXPECT_EQ(done.err, "no-such-program: No such file or directory\n");
}

TEST(Process, TellsASignalFromAnExit) {
  Process process({{"sleep", "60"}, {}, ""});
  EXPECT_FALSE(process.wait(milliseconds(20)));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(kPatience), 128 + SIGTERM);
}

TEST(Process, TakesItsWholeGroupAlong) {
  const Folder folder;
  {
    Process process({{"sh", "-c", "sleep 61 & echo $!; wait"}, {}, ""});
    ASSERT_TRUE(eventually(kPatience, [&] { return process.out().ends_with('\n'); }));
    folder.write("pid", process.out());
  }
  const std::string probe = "read p < pid; ! kill -0 $p 2>/dev/null || grep -q Z /proc/$p/stat";
  EXPECT_TRUE(eventually(kPatience, [&] { return run({{"sh", "-c", probe}, {}, folder.path()}).code == 0; }));
}

TEST(Process, HandsNoDescriptorDown) {
  ASSERT_EQ(dup2(2, 77), 77);  // without close-on-exec
  EXPECT_EQ(run({{"sh", "-c", "test -e /proc/$$/fd/77"}}).code, 1);
  EXPECT_EQ(run({{"sh", "-c", "test -e /proc/$$/fd/2"}}).code, 0);
  close(77);
}

}  // namespace
}  // namespace muster::support
