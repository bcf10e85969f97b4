"""A student information system that marks one student after the other absent, and never gives up a mark."""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from datetime import date, timedelta

SCHOOL, SESSION = 255901001, "Year"
URI = "uri://ed-fi.org/"


class Sender:
    """Sends documents to the Ed-Fi door; keeps when each mark was first sent and when it was acknowledged."""

    def __init__(self, port, authority, secret):
        self.url = f"https://localhost:{port}/edfi/sis/data/v3/ed-fi/"
        self.context = ssl.create_default_context(cadata=authority.ca)
        credentials = base64.b64encode(f"sis:{secret}".encode()).decode()
        self.headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        self.marks, self.begun, self.stopping = {}, 0, threading.Event()

    def ask(self, path, body=None, seconds=15):
        """One request: its status, 0 without an answer, and its headers."""
        request = urllib.request.Request(self.url + path, data=body and json.dumps(body).encode(), headers=self.headers)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=seconds) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            if error.code in (400, 401, 403, 404, 409):
                raise RuntimeError(f"{path}: {error.code} {error.read().decode()[:1000]}") from None
            return error.code, {}
        except OSError:
            return 0, {}

    def post(self, path, body):
        """Until it is acknowledged."""
        while self.ask(path, body)[0] not in (200, 201):
            time.sleep(0.1)

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
        """One mark, sent until it is acknowledged."""
        first = time.monotonic()
        self.post("studentSchoolAttendanceEvents", self.mark_of(student))
        self.marks[student] = (first, time.monotonic())

    def run(self, students, rate):
        """Marks one after the other, each on its own time, whatever became of those before; what was begun is finished."""
        def go():
            threads = []
            for student in students:
                if self.stopping.wait(1 / rate):
                    break
                self.begun += 1
                threads.append(threading.Thread(target=self.mark, args=(student,), daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
        self.thread = threading.Thread(target=go, daemon=True)
        self.thread.start()

    def stop(self):
        """No new mark; those that were begun are acknowledged."""
        self.stopping.set()
        self.thread.join(300)
        if self.thread.is_alive() or len(self.marks) < self.begun:
            raise SystemExit("a mark was never acknowledged")

    def stored(self):
        """How many marks the door has."""
        _, headers = self.ask("studentSchoolAttendanceEvents?limit=1&totalCount=true")
        return int({name.lower(): value for name, value in headers.items()}["total-count"])
