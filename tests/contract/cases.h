// SPDX-License-Identifier: MIT
// The list of the contract suite's cases, which CMakeLists.txt reads, too.
#ifndef CONTRACT_CASES_H
#define CONTRACT_CASES_H

#include "contract.h"

// EACH_SIGNAL cases run once for each signal, the others for the signals they name; ONCE cases are
// below the signals; PAIR cases are two processes of one test (two_processes.sh).
#define CONTRACT_CASES(EACH_SIGNAL, EVENTS, NAMED_DRIVER, NAMED_APPLICATION, COMPLETION, PORT, \
                       ONCE, PAIR)                                                             \
    EACH_SIGNAL(all_arrive_in_order)                                                           \
    EACH_SIGNAL(longest_record_arrives)                                                        \
    EACH_SIGNAL(woken_for_every_record)                                                        \
    EACH_SIGNAL(many_feeders_one_order)                                                        \
    EACH_SIGNAL(masks_select)                                                                  \
    EACH_SIGNAL(subscriptions_are_independent)                                                 \
    EACH_SIGNAL(short_reads_get_whole_records)                                                 \
    EACH_SIGNAL(timestamps_are_the_counter)                                                    \
    EACH_SIGNAL(timer_records_arrive)                                                          \
    EACH_SIGNAL(loss_that_is_last_is_told)                                                     \
    EACH_SIGNAL(losses_stand_in_their_place)                                                   \
    EACH_SIGNAL(loss_counts_what_matched)                                                      \
    EACH_SIGNAL(loss_wakes_a_sleeper)                                                          \
    EACH_SIGNAL(stalled_subscriber_harms_nobody)                                               \
    EACH_SIGNAL(quiet_after_unsubscribe)                                                       \
    EACH_SIGNAL(quiet_after_close)                                                             \
    EACH_SIGNAL(callback_gets_every_record)                                                    \
    EACH_SIGNAL(cancel_ends_a_waiting_receive)                                                 \
    EACH_SIGNAL(timeout_keeps_what_comes_later)                                                \
    EACH_SIGNAL(ends_with_records_queued)                                                      \
    EACH_SIGNAL(exits_without_closing)                                                         \
    EACH_SIGNAL(comes_and_goes_under_load)                                                     \
    EACH_SIGNAL(stop_ends_everything)                                                          \
    EACH_SIGNAL(stop_is_told_to_the_callback)                                                  \
    EACH_SIGNAL(all_are_woken)                                                                 \
    EVENTS(doorbell_once_for_each_drain)                                                       \
    EVENTS(wait_handle_joins_other_waits)                                                      \
    NAMED_DRIVER(driver_first_event_is_the_drivers)                                            \
    NAMED_DRIVER(existing_name_is_refused)                                                     \
    NAMED_APPLICATION(application_first_needs_the_callers_right)                               \
    NAMED_APPLICATION(application_first_existing_is_refused)                                   \
    COMPLETION(doorbells_do_not_exceed_reads)                                                  \
    COMPLETION(reads_outlive_their_thread)                                                     \
    PORT(port_has_no_wait_handle)                                                              \
    ONCE(cancel_races_completion)                                                              \
    ONCE(hello_is_validated)                                                                   \
    ONCE(subscribe_is_validated)                                                               \
    ONCE(event_handles_are_checked)                                                            \
    ONCE(event_names_are_checked)                                                              \
    ONCE(completion_needs_an_overlapped_file)                                                  \
    ONCE(other_ioctls_are_validated)                                                           \
    ONCE(access_is_needed)                                                                     \
    ONCE(reads_are_validated)                                                                  \
    ONCE(relay_writes_are_validated)                                                           \
    ONCE(relay_timer_is_validated)                                                             \
    ONCE(library_arguments_are_checked)                                                        \
    ONCE(subscriptions_per_process)                                                            \
    ONCE(queue_bytes_per_process)                                                              \
    ONCE(pended_reads_per_subscription)                                                        \
    PAIR(foreign_owner)                                                                        \
    PAIR(foreign_intruder)

#define CONTRACT_DECLARE(Name) CASE Name;
CONTRACT_CASES(CONTRACT_DECLARE, CONTRACT_DECLARE, CONTRACT_DECLARE, CONTRACT_DECLARE,
               CONTRACT_DECLARE, CONTRACT_DECLARE, CONTRACT_DECLARE, CONTRACT_DECLARE)
#undef CONTRACT_DECLARE

#endif
