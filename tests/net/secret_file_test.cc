#include "net/secret_file.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "support/folder.h"

namespace muster::net {
namespace {

using support::Folder;

TEST(SecretFileTest, DropsTheBlanksAroundAndTakesWhatItsKindMayHold) {
  const Folder folder;
  EXPECT_EQ(*read_secret(folder.write("t", "\n abc.DEF-1 \r\n"), Content::Word), "abc.DEF-1");
  EXPECT_EQ(*read_secret(folder.write("p", "pass word:\xc3\xa4\n"), Content::Line), "pass word:\xc3\xa4");
  EXPECT_EQ(*read_secret(folder.write("k", "-----\nMII\n-----\n"), Content::Text), "-----\nMII\n-----");
  for (const char* wrong : {"", " \n", "two words", "two\nlines", "caf\xc3\xa9"}) {
    EXPECT_FALSE(read_secret(folder.write("t", wrong), Content::Word)) << wrong;
  }
  EXPECT_FALSE(read_secret(folder.write("p", "two\nlines"), Content::Line));
  EXPECT_FALSE(read_secret(folder.write("k", "\n"), Content::Text));
}

TEST(SecretFileTest, NamesThePathAndNeverWhatItHolds) {
  const Folder folder;
  const std::string path = folder.write("token", "hunter2 and more");
  const auto wrong = read_secret(path, Content::Word);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fault, Fault::Leave);
  EXPECT_NE(wrong.error().message.find(path), std::string::npos) << wrong.error().message;
  EXPECT_EQ(wrong.error().message.find("hunter2"), std::string::npos) << wrong.error().message;
  for (const std::string& other : {folder / "missing", folder.path()}) {
    const auto unread = read_secret(other, Content::Word);
    ASSERT_FALSE(unread);
    EXPECT_NE(unread.error().message.find(other + ": cannot be read"), std::string::npos) << unread.error().message;
  }
}

TEST(SecretFileTest, IsReadAnewAtEachUseAndKeepsTheLastThroughABadMoment) {
  const Folder folder;
  SecretFile file(folder.write("token", "one"), Content::Word);
  EXPECT_EQ(*file.read(), "one");
  folder.write("token", "two");
  EXPECT_EQ(*file.read(), "two");
  EXPECT_EQ(file.problem(), "");
  folder.write("token", "");
  EXPECT_EQ(*file.read(), "two");
  EXPECT_NE(file.problem().find("holds no token"), std::string::npos);
  std::remove((folder / "token").c_str());
  EXPECT_EQ(*file.read(), "two");
  folder.write("token", "three");
  EXPECT_EQ(*file.read(), "three");
  EXPECT_EQ(file.problem(), "");
  EXPECT_FALSE(SecretFile(folder / "never", Content::Word).read());
}

}  // namespace
}  // namespace muster::net
