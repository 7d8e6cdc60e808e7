// SPDX-License-Identifier: Apache-2.0
#include "ota/ota_metrics.h"

#include <algorithm>

#include "metrics/family_stream.h"

namespace kernel_exporter {
namespace {

double seconds_of_ns(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }
double seconds_of_ms(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1e3; }

// A stream with a header of its own.
class Family {
 public:
  Family(SampleSink& sink, FamilyHeader header)
      : header_(std::move(header)), stream_(sink, header_) {}
  void add(const Labels& labels, const SampleValue& value) { stream_.add(labels, value); }

 private:
  const FamilyHeader header_;
  FamilyStream stream_;
};

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricType kCounter = MetricType::kCounter;

void write_state_seconds(const OtaBook& book, OtaMoment now, OtaStateTimes& shown_ns,
                         SampleSink& sink) {
  std::erase_if(shown_ns, [&](const auto& shown) { return !book.engines().contains(shown.first); });
  Family seconds(sink, {"ota_state_seconds_total",
                        "Time that updates spent in the state since the exporter started.",
                        kCounter,
                        "seconds",
                        {}});
  for (const auto& [name, engine] : book.engines()) {
    auto& shown = shown_ns[name];
    for (size_t i = 0; i < kOtaStateNames.size(); ++i) {
      const int64_t time = book.state_ns(engine, static_cast<OtaState>(i), now.boottime_ns);
      shown[i] = std::max(shown[i], time);
      seconds.add({{"engine", name}, {"state", kOtaStateNames[i]}}, seconds_of_ns(shown[i]));
    }
  }
}

void write_states(const OtaBook& book, SampleSink& sink) {
  Family state(sink, {"ota_state", "1 if the engine's update is in the state.", kGauge, "", {}});
  for (const auto& [name, engine] : book.engines()) {
    const OtaStates states = engine.open ? engine.open->states : states_of(OtaState::kIdle);
    for (size_t i = 0; i < kOtaStateNames.size(); ++i) {
      state.add({{"engine", name}, {"state", kOtaStateNames[i]}}, uint64_t{states.test(i)});
    }
  }
}

void write_totals(const OtaBook& book, SampleSink& sink) {
  Family results(sink, {"ota_transactions_total",
                        "Finished updates; succeeded means booted and confirmed.",
                        kCounter,
                        "",
                        {}});
  for (const auto& [name, engine] : book.engines()) {
    for (size_t i = 0; i < kOtaOutcomeNames.size(); ++i) {
      results.add({{"engine", name}, {"result", kOtaOutcomeNames[i]}}, engine.totals.outcomes[i]);
    }
  }
  Family causes(sink, {"ota_failures_total", "Unsuccessful updates by cause.", kCounter, "", {}});
  for (const auto& [name, engine] : book.engines()) {
    for (size_t i = 0; i < kOtaCauseCount; ++i) {
      causes.add({{"engine", name}, {"cause", kOtaCauseNames[i]}}, engine.totals.causes[i]);
    }
  }
}

void write_open(const OtaBook& book, SampleSink& sink) {
  const auto each = [&](FamilyHeader header, auto&& add) {
    Family family(sink, std::move(header));
    for (const OtaTransactionPtr& open : book.open_transactions()) add(family, *open);
  };
  each({"ota_transaction_info", "Id and versions of the open update.", kGauge, "", {}},
       [](Family& family, const OtaTransaction& open) {
         family.add(
             {{"engine", open.engine}, {"txid", open.id}, {"from", open.from}, {"to", open.to}},
             uint64_t{1});
       });
  each({"ota_progress_ratio",
        "Progress of the open update, as reported by its agent.",
        kGauge,
        "ratio",
        {}},
       [](Family& family, const OtaTransaction& open) {
         if (open.progress) family.add({{"engine", open.engine}}, *open.progress);
       });
  each({"ota_transaction_start_timestamp_seconds",
        "Time when the open update began.",
        kGauge,
        "seconds",
        {}},
       [](Family& family, const OtaTransaction& open) {
         family.add({{"engine", open.engine}}, seconds_of_ms(open.started_ms));
       });
  each({"ota_payload_bytes",
        "Payload size of the open update, as reported by its agent.",
        kGauge,
        "bytes",
        {}},
       [](Family& family, const OtaTransaction& open) {
         if (open.payload_bytes > 0) family.add({{"engine", open.engine}}, open.payload_bytes);
       });
}

void write_last(const OtaBook& book, SampleSink& sink) {
  const auto each = [&](FamilyHeader header, auto&& add) {
    Family family(sink, std::move(header));
    for (const auto& [name, engine] : book.engines()) {
      if (engine.last) add(family, *engine.last);
    }
  };
  each({"ota_last_result_info", "Result of the last update.", kGauge, "", {}},
       [](Family& family, const OtaTransaction& last) {
         family.add({{"engine", last.engine},
                     {"to", last.to},
                     {"result", name_of(*last.outcome)},
                     {"cause", name_of(last.cause)}},
                    uint64_t{1});
       });
  each(
      {"ota_last_end_timestamp_seconds", "Time when the last update ended.", kGauge, "seconds", {}},
      [](Family& family, const OtaTransaction& last) {
        family.add({{"engine", last.engine}}, seconds_of_ms(last.ended_ms));
      });
  each({"ota_last_duration_seconds",
        "Duration of the last update, without the time that the machine was off.",
        kGauge,
        "seconds",
        {}},
       [](Family& family, const OtaTransaction& last) {
         family.add({{"engine", last.engine}}, seconds_of_ns(last.elapsed_ns));
       });
}

void write_activity(const OtaBook& book, SampleSink& sink) {
  Family activity(sink, {"ota_last_activity_timestamp_seconds",
                         "Time of the last message about the open update.",
                         kGauge,
                         "seconds",
                         {}});
  for (const auto& [name, engine] : book.engines()) {
    if (engine.activity_ms > 0) {
      activity.add({{"engine", name}}, seconds_of_ms(engine.activity_ms));
    }
  }
  Family downloaded(sink, {"ota_downloaded_bytes_total",
                           "Bytes downloaded by updates, as reported by their agents.",
                           kCounter,
                           "bytes",
                           {}});
  for (const auto& [name, engine] : book.engines()) {
    downloaded.add({{"engine", name}}, engine.downloaded_bytes);
  }
}

void write_failure(const OtaBook& book, SampleSink& sink) {
  const auto& failure = book.last_failure();
  if (!failure) return;
  Family(sink, {"ota_last_failure_info",
                "Last evidence of a failure, of each update the root.",
                kGauge,
                "",
                {}})
      .add({{"engine", failure->engine},
            {"cause", name_of(failure->cause)},
            {"device", failure->device}},
           uint64_t{1});
  Family(sink, {"ota_last_failure_timestamp_seconds",
                "Time when the last evidence of a failure was recorded.",
                kGauge,
                "seconds",
                {}})
      .add({}, seconds_of_ms(failure->at_ms));
  if (failure->offset) {
    Family(sink, {"ota_last_failure_offset_bytes",
                  "Offset on the device of the last evidence of a failure.",
                  kGauge,
                  "bytes",
                  {}})
        .add({}, *failure->offset);
  }
  if (failure->detection_seconds) {
    Family(sink, {"ota_cause_detection_seconds",
                  "Time from the kernel's event to the record of the last evidence.",
                  kGauge,
                  "seconds",
                  {}})
        .add({}, *failure->detection_seconds);
  }
}

void write_self(const OtaLedgerStatus& ledger, const OtaAgent& agent, uint64_t forgotten_engines,
                SampleSink& sink) {
  Family(sink, {"kernel_exporter_ota_ledger_writable",
                "1 if the update ledger is writable.",
                kGauge,
                "",
                {}})
      .add({}, uint64_t{ledger.writable});
  Family skipped(sink, {"kernel_exporter_ota_ledger_records_skipped_total",
                        "Ledger records that could not be read at start.",
                        kCounter,
                        "",
                        {}});
  if (ledger.damaged > 0) skipped.add({{"reason", "damaged"}}, ledger.damaged);
  if (ledger.newer > 0) skipped.add({{"reason", "newer_version"}}, ledger.newer);
  Family refused(sink, {"kernel_exporter_ota_messages_refused_total",
                        "Rejected messages of update agents.",
                        kCounter,
                        "",
                        {}});
  for (size_t i = 0; i < kOtaRefusalNames.size(); ++i) {
    const uint64_t count = agent.refused(static_cast<OtaRefusalReason>(i));
    if (count > 0) refused.add({{"reason", kOtaRefusalNames[i]}}, count);
  }
  Family forgotten(sink, {"kernel_exporter_ota_engines_forgotten_total",
                          "Engines that are not configured and made way for new ones.",
                          kCounter,
                          "",
                          {}});
  if (forgotten_engines > 0) forgotten.add({}, forgotten_engines);
}

}  // namespace

void OtaMetrics::write(SampleSink& sink) const {
  const auto book = tracker_.book();
  write_states(*book, sink);
  {
    const Lock lock(mutex_);
    write_state_seconds(*book, tracker_.now(), shown_ns_, sink);
  }
  write_totals(*book, sink);
  write_open(*book, sink);
  write_last(*book, sink);
  write_activity(*book, sink);
  write_failure(*book, sink);
  write_self(tracker_.ledger_status(), agent_, book->forgotten_engines(), sink);
}

}  // namespace kernel_exporter
