"""Names of South Asian Hindu and Sikh families, most frequent first."""

BOYS = """
Arjun Aarav Krish Dev Rohan Arun Jay Aryan Ishaan Vihaan Reyansh Ayush Kiran Nikhil Rahul Shivam Om
Veer Kabir Neel Dhruv Aditya Yash Raj Ved Rudra Advik Shaurya Sai Pranav Karan Varun Vivaan Harsh
Hari Gurpreet Harpreet Jaspreet Manpreet Amrit Arman Fateh Zorawar Jovan Balraj Gurdeep Harjot
Hardeep Kulraj Navraj Prabhjot Ranveer Sahib Simran Sukhraj Tejas Uday Vikram Vishal Zoravar Angad
Kavi Milan Naveen Parth Rishi Samar Tanish
""".split()

GIRLS = """
Anaya Diya Aanya Priya Riya Asha Anika Meera Kavya Saanvi Aadhya Ishani Kiara Mira Nisha Pooja Radha
Shreya Sia Tara Trisha Vani Zara Avni Aarohi Anvi Bhavya Divya Gauri Isha Jasmeen Kareena Khushi
Lavanya Maya Myra Navya Nikita Pari Rhea Rupa Sanvi Shanaya Simran Sneha Suhani Tanvi Uma Vidya
Gurleen Harleen Jasleen Kirandeep Manpreet Navneet Prabhleen Rajveer Sukhmani Avneet Asees Jaspreet
Harpreet Amrit Mehar Sehaj Ravneet
""".split()

SURNAMES = """
Patel Singh Kaur Sharma Shah Kumar Gill Sandhu Dhillon Sidhu Mistry Gupta Mehta Joshi Desai Parmar
Reddy Chauhan Rai Bains Grewal Dhaliwal Johal Sohal Uppal Virk Bassi Bhogal Sahota Purewal Mann Atwal
Hayer Dosanjh Sangha Kang Lally Nijjar Randhawa Thandi Chahal Cheema Brar Aujla Basra Birdi Chana
Dhanda Flora Gandhi Garcha Hothi Jagdev Kalsi Khangura Khera Landa Lota Matharu Nagra Panesar Pannu
Phull Rehal Riyat Sagoo Sahni Sanghera Sehmi Sian Sokhi Sunner Tamber Thiara Toor Verma Vyas Trivedi
Solanki Rana Raval Rathod Panchal Pandya Naik Nair Menon Pillai Iyer Rao Kapoor Khanna Malhotra Arora
Bhatt Chopra Das Dutta Ghosh Sen Bose Jain Agarwal Amin Lad Limbachia Modha Thakkar Vaghela
""".split()

SURNAME_STARTS = """
Bal Bha Bhan Chan Cha Dha Dhin Gar Gha Gre Has Jan Jha Kal Kha Lak Lam Mal Mang Nag Nar Pal Pan Pur
Ram Ran Sam San Sar Sek Shan Sur Tan Thak Vad Var Vis
""".split()
SURNAME_ENDS = "dhu ia war jal oria kar lal lani mani nani puri rana wala waria yani dra hania".split()

SECOND_GIVEN = {
    "female": "Kaur Devi Kumari Ben Rani Lakshmi Jyoti Priya Rose".split(),
    "male": "Singh Kumar Raj Bhai Lal Prasad Dev Chand James".split(),
}

PARENTS = {
    "female": """
Sunita Rekha Hina Jyoti Sonal Bhavna Nisha Kiran Anita Seema Rajinder Kulwinder Parminder Harjinder
Jaswinder Balvinder Sukhvinder Mandeep Ramandeep Gurvinder Nirmal Manjit Surinder Daljit Alpa Hetal
Kavita Reena Deepa Lata Meena Neha Pallavi Sangeeta Swati Varsha Anjali Rupinder
""".split(),
    "male": """
Rajesh Sanjay Amit Vijay Suresh Anil Sunil Dinesh Manoj Hitesh Nilesh Kamlesh Bhavesh Sukhdev
Jaswinder Baljit Gurmit Harjit Amarjit Kulwant Paramjit Sukhjinder Satnam Balwinder Ranjit Mohinder
Jagdeep Deepak Ashok Bharat Chetan Ketan Mukesh Nitin Pankaj Ravi Sandeep Tejinder
""".split(),
}
