// docs/metrics.md against the table that the registry is built from.
#include <gtest/gtest.h>

#include "support/doc_tables.h"
#include "web/metrics.h"

namespace muster::web {
namespace {

std::string labels_of(const MetricInfo& info) {
  std::string text;
  for (const LabelInfo& label : info.labels) {
    text += (text.empty() ? "`" : ", `") + label.name + "`";
    std::string values;
    for (const std::string& value : label.values) values += (values.empty() ? "" : ", ") + value;
    if (!values.empty()) text += " (" + values + ")";
  }
  return text;
}

TEST(MetricsDoc, TableIsThatOfTheBinary) {
  support::DocTable table{"Metrics", {"| Name | Type | Labels | Meaning |", "|---|---|---|---|"}};
  for (const MetricInfo& info : metric_table()) {
    table.rows.push_back(support::doc_row({"`" + info.name + "`", info.type, labels_of(info), info.help}));
  }
  support::expect_tables(MUSTER_SOURCE_DIR "/docs/metrics.md", {table});
}

}  // namespace
}  // namespace muster::web
