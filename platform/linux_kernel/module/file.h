/* SPDX-License-Identifier: GPL-2.0 */
#ifndef REFPAGE_FILE_H
#define REFPAGE_FILE_H

struct refpage_create_args;

int refpage_file_create(const struct refpage_create_args *args);

#endif
