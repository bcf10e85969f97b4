"""A student information system that marks one student after the other absent, withdraws some, and never gives up what it has begun."""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from datetime import date, timedelta

SCHOOL, SESSION = 255901001, "Year"
URI = "uri://ed-fi.org/"


class Sender:
    """Sends documents to the Ed-Fi door; keeps when each mark was first sent and when it was acknowledged, and of each withdrawal too."""

    def __init__(self, port, authority, secret):
        self.url = f"https://localhost:{port}/edfi/sis/data/v3/ed-fi/"
        self.context = ssl.create_default_context(cadata=authority.ca)
        credentials = base64.b64encode(f"sis:{secret}".encode()).decode()
        self.headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        self.marks, self.withdrawn, self.begun, self.leaving = {}, {}, 0, 0
        self.refused, self.stopping, self.pausing = [], threading.Event(), threading.Event()

    def ask(self, path, body=None, method=None, seconds=15):
        """One request: its status, 0 without an answer, and its headers."""
        request = urllib.request.Request(self.url + path, data=body and json.dumps(body).encode(), headers=self.headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=seconds) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            if error.code in (400, 401, 403, 409) or error.code == 404 and method is None:
                self.refused.append(f"{path}: {error.code} {error.read().decode()[:1000]}")
                raise SystemExit(self.refused[-1]) from None
            return error.code, {}
        except OSError:
            return 0, {}

    def post(self, path, body):
        """Until it is acknowledged; where the document is."""
        while (answer := self.ask(path, body))[0] not in (200, 201):
            time.sleep(0.1)
        return answer[1]["location"].rpartition("/")[2]

    def frame(self):
        """A school with a calendar around today."""
        today = date.today()
        year = today.year + (today.month > 7)
        reference = {"schoolReference": {"schoolId": SCHOOL}, "schoolYearTypeReference": {"schoolYear": year}}
        calendar = {"calendarCode": "C", "schoolId": SCHOOL, "schoolYear": year}
        self.post("localEducationAgencies", {
            "localEducationAgencyId": 255901, "nameOfInstitution": "District",
            "localEducationAgencyCategoryDescriptor": URI + "LocalEducationAgencyCategoryDescriptor#Independent",
            "categories": [{"educationOrganizationCategoryDescriptor":
                            URI + "EducationOrganizationCategoryDescriptor#Local Education Agency"}]})
        self.post("schools", {
            "schoolId": SCHOOL, "nameOfInstitution": "School", "localEducationAgencyReference": {"localEducationAgencyId": 255901},
            "educationOrganizationCategories": [{"educationOrganizationCategoryDescriptor":
                                                 URI + "EducationOrganizationCategoryDescriptor#School"}],
            "gradeLevels": [{"gradeLevelDescriptor": URI + "GradeLevelDescriptor#Ninth grade"}]})
        self.post("sessions", reference | {
            "sessionName": SESSION, "beginDate": str(today - timedelta(40)), "endDate": str(today + timedelta(40)),
            "termDescriptor": URI + "TermDescriptor#Fall Semester", "totalInstructionalDays": 80})
        self.post("calendars", reference | {"calendarCode": "C", "calendarTypeDescriptor": URI + "CalendarTypeDescriptor#School"})
        for days in range(-30, 4):
            self.post("calendarDates", {
                "date": str(today + timedelta(days)), "calendarReference": calendar,
                "calendarEvents": [{"calendarEventDescriptor": URI + "CalendarEventDescriptor#Instructional day"}]})
        self.year, self.today, self.reference, self.calendar = year, today, reference, calendar

    def student(self, student):
        """One who is enrolled there."""
        self.post("students", {"studentUniqueId": student, "firstName": "A", "lastSurname": "B", "birthDate": "2010-01-01"})
        self.post("studentSchoolAssociations", self.reference | {
            "entryDate": str(self.today - timedelta(30)), "entryGradeLevelDescriptor": URI + "GradeLevelDescriptor#Ninth grade",
            "calendarReference": self.calendar, "primarySchool": True, "studentReference": {"studentUniqueId": student}})

    def mark_of(self, student):
        """The document of an absence today."""
        return {
            "eventDate": str(self.today),
            "attendanceEventCategoryDescriptor": URI + "AttendanceEventCategoryDescriptor#Unexcused Absence",
            "studentReference": {"studentUniqueId": student}, "schoolReference": {"schoolId": SCHOOL},
            "sessionReference": {"schoolId": SCHOOL, "schoolYear": self.year, "sessionName": SESSION}}

    def mark(self, student):
        """One student and one mark, sent until it is acknowledged."""
        self.student(student)
        first = time.monotonic()
        place = self.post("studentSchoolAttendanceEvents", self.mark_of(student))
        self.marks[student] = (first, time.monotonic(), place)

    def withdraw(self, student):
        """It was an error. What is not there any more was withdrawn by a try whose answer was lost."""
        first, path = time.monotonic(), f"studentSchoolAttendanceEvents/{self.marks[student][2]}"
        while self.ask(path, method="DELETE")[0] not in (204, 404):
            time.sleep(0.1)
        self.withdrawn[student] = (first, time.monotonic())

    def run(self, rate, told):
        """Marks one student after the other, each on its own time, whatever became of those before; what was begun is finished. Every
        third mark is withdrawn, once it has been told of: at a moment when as many alerts were told as marks were ever begun."""
        def go():
            threads, waiting, looked = [], deque(), 0

            def begin(act, student):
                threads.append(threading.Thread(target=act, args=(student,), daemon=True))
                threads[-1].start()

            while not self.stopping.wait(1 / rate):
                known = list(self.marks)
                if told() >= self.begun:
                    waiting.extend(student for student in known[looked:] if int(student) % 3 == 0)
                    looked = len(known)
                if waiting:
                    self.leaving += 1
                    begin(self.withdraw, waiting.popleft())
                if not self.pausing.is_set():
                    begin(self.mark, f"{self.begun:06}")
                    self.begun += 1
            for thread in threads:
                thread.join()
        self.thread = threading.Thread(target=go, daemon=True)
        self.thread.start()

    def stop(self):
        """No new mark; those that were begun are acknowledged, and so are withdrawals."""
        self.stopping.set()
        self.thread.join(300)
        if self.thread.is_alive() or len(self.marks) < self.begun or len(self.withdrawn) < self.leaving:
            raise SystemExit("a mark, or its withdrawal, was never acknowledged")

    def keys(self, students):
        """The keys by which events and alerts name them."""
        found = {}
        for at in range(0, len(students), 1000):
            some = students[at:at + 1000]
            body = json.dumps({"local_ids": some}).encode()
            request = urllib.request.Request(self.url.split("/edfi/", maxsplit=1)[0] + "/v1/student-keys", data=body, headers=self.headers)
            with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
                found |= dict(zip(some, json.load(answer)["student_keys"]))
        return found

    def stored(self):
        """How many marks the door has."""
        while "total-count" not in (answer := self.ask("studentSchoolAttendanceEvents?limit=1&totalCount=true"))[1]:
            time.sleep(0.1)
        return int(answer[1]["total-count"])
