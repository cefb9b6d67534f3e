// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JSON for --json.

#ifndef REFPAGE_TOOLS_REFPAGE_JSON_OUTPUT_H_
#define REFPAGE_TOOLS_REFPAGE_JSON_OUTPUT_H_

#include <nlohmann/json.hpp>

#include <stdio.h>

namespace refpage {

// Keys stay in the order in which they are set.
using Json = nlohmann::ordered_json;

// A document to start from: {"report": Report, "version": this program's}.
// schemas/Report.json says what else is in it.
Json startReport(const char *Report);

// A command, which ends with a null pointer, as a list of its words.
Json listCommand(char **Command);

// Writes the document and a newline. What is not UTF-8 in a string, such as a
// file's name, is written as U+FFFD.
void writeJson(FILE *Stream, const Json &Document);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_JSON_OUTPUT_H_
