// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Something for a compiler to work on: a small log analyser that uses much of
// the standard library. It is compiled by the benchmark, never run.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

struct Entry {
  std::string Time;
  std::string Host;
  std::string Level;
  std::string Message;
  long Microseconds = 0;
};

using Field = std::variant<std::string, long, double>;
using Record = std::map<std::string, Field>;

std::optional<Entry> parse(const std::string &Line) {
  static const std::regex Pattern(
      R"((\S+) (\S+) (\w+) \[([0-9a-f]+)\] (.*) in (\d+) us)");
  std::smatch Match;
  if (!std::regex_match(Line, Match, Pattern))
    return std::nullopt;
  return Entry{Match[1], Match[2], Match[3], Match[5],
               std::stol(Match[6].str())};
}

Record toRecord(const Entry &E) {
  return {{"time", E.Time},
          {"host", E.Host},
          {"level", E.Level},
          {"message", E.Message},
          {"microseconds", E.Microseconds},
          {"seconds", static_cast<double>(E.Microseconds) * 1e-6}};
}

std::string toText(const Record &R) {
  std::ostringstream Out;
  for (const auto &[Name, Value] : R) {
    Out << Name << '=';
    std::visit([&Out](const auto &V) { Out << V; }, Value);
    Out << ';';
  }
  return Out.str();
}

class Summary {
public:
  virtual ~Summary() = default;
  virtual void add(const Entry &E) = 0;
  virtual void print(std::ostream &Out) const = 0;
};

template <typename Key> class CountBy : public Summary {
public:
  CountBy(std::string Title, std::function<Key(const Entry &)> KeyOf)
      : Title(std::move(Title)), KeyOf(std::move(KeyOf)) {}
  void add(const Entry &E) override { ++Counts[KeyOf(E)]; }
  void print(std::ostream &Out) const override {
    std::vector<std::pair<Key, size_t>> Sorted(Counts.begin(), Counts.end());
    std::sort(Sorted.begin(), Sorted.end(),
              [](const auto &A, const auto &B) { return A.second > B.second; });
    Out << Title << '\n';
    for (const auto &[K, Count] : Sorted)
      Out << "  " << K << ": " << Count << '\n';
  }

private:
  std::string Title;
  std::function<Key(const Entry &)> KeyOf;
  std::map<Key, size_t> Counts;
};

class Percentiles : public Summary {
public:
  void add(const Entry &E) override { Times[E.Host].push_back(E.Microseconds); }
  void print(std::ostream &Out) const override {
    for (const auto &[Host, Unsorted] : Times) {
      std::vector<long> Sorted = Unsorted;
      std::sort(Sorted.begin(), Sorted.end());
      Out << Host;
      for (const double P : {0.5, 0.9, 0.99})
        Out << ' '
            << Sorted[static_cast<size_t>(
                   P * static_cast<double>(Sorted.size() - 1))];
      const double Sum = std::accumulate(Sorted.begin(), Sorted.end(), 0.0);
      Out << " mean " << Sum / static_cast<double>(Sorted.size()) << '\n';
    }
  }

private:
  std::unordered_map<std::string, std::vector<long>> Times;
};

class WordIndex : public Summary {
public:
  void add(const Entry &E) override {
    static const std::regex Word(R"(\w+)");
    for (std::sregex_iterator I(E.Message.begin(), E.Message.end(), Word), End;
         I != End; ++I)
      Hosts[I->str()].insert(E.Host);
  }
  void print(std::ostream &Out) const override {
    for (const auto &[Word, On] : Hosts)
      Out << Word << " on " << On.size() << " hosts\n";
  }

private:
  std::map<std::string, std::set<std::string>> Hosts;
};

std::vector<Entry> sample(const std::vector<Entry> &All, size_t Count) {
  std::vector<Entry> Chosen;
  std::sample(All.begin(), All.end(), std::back_inserter(Chosen), Count,
              std::mt19937_64(1));
  return Chosen;
}

std::vector<Entry> readAll(std::istream &In) {
  std::vector<Entry> All;
  for (std::string Line; std::getline(In, Line);)
    if (std::optional<Entry> E = parse(Line))
      All.push_back(std::move(*E));
  return All;
}

} // namespace

int main(int Argc, char **Argv) {
  std::vector<Entry> All;
  for (int I = 1; I < Argc; ++I) {
    std::ifstream File(Argv[I]);
    std::vector<Entry> More = readAll(File);
    std::move(More.begin(), More.end(), std::back_inserter(All));
  }
  std::vector<std::unique_ptr<Summary>> Summaries;
  Summaries.push_back(std::make_unique<CountBy<std::string>>(
      "levels", [](const Entry &E) { return E.Level; }));
  Summaries.push_back(std::make_unique<CountBy<long>>(
      "milliseconds", [](const Entry &E) { return E.Microseconds / 1000; }));
  Summaries.push_back(std::make_unique<Percentiles>());
  Summaries.push_back(std::make_unique<WordIndex>());

  const auto Start = std::chrono::steady_clock::now();
  std::vector<std::thread> Threads;
  for (const auto &S : Summaries)
    Threads.emplace_back([&S, &All] {
      for (const Entry &E : All)
        S->add(E);
    });
  for (std::thread &T : Threads)
    T.join();
  for (const auto &S : Summaries)
    S->print(std::cout);
  for (const Entry &E : sample(All, 10))
    std::cout << toText(toRecord(E)) << '\n';
  std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                             Start)
                   .count()
            << " s\n";
}
