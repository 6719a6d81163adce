// Unit files from disk.
#pragma once

#include <string>
#include <vector>

#include "muster/result.h"
#include "units/config.h"
#include "units/environment.h"
#include "units/text.h"

namespace muster::units {

// Reads one file whole; `what` it should be stands in errors. Error (Fault::Item) names the path and what would be
// right: unreadable, a folder, a device, a loop of symbolic links, over 1 MiB. /dev/null (a masked unit) is an empty
// text.
Result<std::string> read_file(const std::string& path, const char* what = "a unit file");

// Fragment and drop-ins, in the order in which systemd lists them (FragmentPath, then DropInPaths). A drop-in that
// cannot be read is a mistake and the rest goes on; Error when the fragment cannot be read: then nothing is known of
// the unit's wishes, and the last good ones stay. An empty fragment path is a unit without a file.
Result<UnitText> read_unit(const std::string& fragment, const std::vector<std::string>& drop_ins);

// A name on disk: the unit, and the file that its text is in.
struct NamedFile {
  std::string unit;
  std::string file;
};

// What systemd loads when it is asked for `named`: behind a symlink to a unit file of another name stands that unit
// (an alias), and foo@1.service that leads to bar@.service is bar@1.service. It stays as it is where the link leads out
// of systemd's folders (a linked file keeps its link's name), or to what it may be no alias of.
NamedFile behind_alias(NamedFile named);

// Where systemd looks for the neighbours of a unit's file, the first of a name wins: in all of its own folders when the
// file is in one of them, and otherwise beside it.
std::vector<std::string> search_folders(const std::string& fragment);

// For UnitInput::files: globs in the C locale's order, as systemd takes them. What is optional and not there is left
// out; a glob that matches nothing is a file that is not there.
std::vector<FileText> read_environment_files(const std::vector<EnvironmentFile>& files);

// The drop-ins that belong beside a fragment or a Quadlet file on disk (NAME.d, for NAME = web@8081.service also
// web@.service.d), for `muster lint`, which asks no systemd. Sorted as systemd sorts them.
std::vector<std::string> find_drop_ins(const std::string& fragment, const std::string& unit);

}  // namespace muster::units
